/** The command line as Go's flag package reads it: one dash or two, `--name=value` or `--name value`. */

/** What a user got wrong: the message says what, where, and what to do. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export interface FlagHelp {
  readonly placeholder: string;
  readonly help: string;
  /** Without a value it is true; the word after it is not its value. */
  readonly isSwitch?: true;
}

export type FlagTable = Readonly<Record<string, FlagHelp>>;

export interface FlagValues {
  /** Of a flag given more than once, all values in order. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly warnings: readonly string[];
}

/**
 * Values by flag name, from the command line and from the environment (`--data-dir` is ETCD_DATA_DIR there). A flag given in
 * both places is refused, as in etcd: one of them would silently lose. An unknown ETCD_ variable is only worth a warning.
 */
export function readFlags(
  table: FlagTable,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): FlagValues {
  const values = readArguments(table, argv);
  const warnings: string[] = [];
  const names = new Map(Object.keys(table).map((name) => [variableOf(name), name]));
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith("ETCD_") || value === undefined || value === "") continue;
    const name = names.get(variable);
    if (name === undefined) warnings.push(`unrecognized environment variable ${variable}=${value}`);
    else if (values.has(name)) throw new ConfigError(`both ${variable} and --${name} are set: unset one of them`);
    else values.set(name, [value]);
  }
  return { values, warnings };
}

export function variableOf(flag: string): string {
  return `ETCD_${flag.toUpperCase().replaceAll("-", "_")}`;
}

function readArguments(table: FlagTable, argv: readonly string[]): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] as string;
    const match = /^--?([A-Za-z][^=]*)(?:=(.*))?$/s.exec(argument);
    if (match === null) throw new ConfigError(`unexpected argument "${argument}": flags look like --name=value`);
    const name = match[1] as string;
    if (table[name] === undefined) throw new ConfigError(`unknown flag --${name}: --help lists the flags`);
    const value = match[2] ?? (table[name].isSwitch ? "true" : argv[++at]);
    if (value === undefined) throw new ConfigError(`--${name} needs a value: --${name}=${table[name].placeholder}`);
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return values;
}
