/**
 * fast-check, with lengths that mean what they say: left to itself it makes a list of `maxLength: 60` at most 10 long, 5 on average,
 * and what needs a longer story to go wrong is never seen. Import it from here.
 */
import fc from "fast-check";

fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });

export default fc;
