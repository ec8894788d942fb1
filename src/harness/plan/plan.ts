import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { FINAL_PHASE } from "../model/history.ts";
import {
  CHECK_NAMES,
  type Fault,
  type KubernetesPlan,
  type LeasePlan,
  OPERATION_CLASSES,
  type Phase,
  type Plan,
  type PlannedFault,
} from "../model/plan.ts";
import { parseDurationMs } from "./duration.ts";
import { parseTarget, TARGET_FORMS } from "./target.ts";

/** Something a person wrote is wrong: what, where (file:line:column) and what to do, one line each. Exit code 64. */
export class PlanError extends Error {
  override readonly name = "PlanError";
}

export const MEMBERS_MAX = 7;
const PHASE_MAX_MS = 24 * 3_600_000;
const RATE_MAX = 200_000;
const CONCURRENCY_MAX = 10_000;
const PROGRESS_MIN_MS = 5;
const KEYS_MAX = 10_000_000;
const VALUE_MAX_BYTES = 1 << 20;
const LEASES_MAX = 100_000;
const KEEPALIVE_MIN_MS = 10;
/** Each leaves a record of its own. */
const KEEPALIVES_MAX = 500_000;
/** Of one list every time: what an API server lists is kept whole. */
const LISTED_KEYS_MAX = 5000;
const LIST_MIN_MS = 50;
const MEGABYTES_MAX = 1 << 20;

const duration = z.string().transform((text, context) => {
  const ms = parseDurationMs(text);
  if (ms !== null && ms <= PHASE_MAX_MS) return ms;
  context.addIssue({ code: "custom", message: `"${text}" is not a duration of at most 24h; write 500ms, 1.5s or 2m` });
  return z.NEVER;
});

const target = z
  .string()
  .default("ts")
  .transform((text, context) => {
    const parsed = parseTarget(text);
    if (parsed !== null) return parsed;
    context.addIssue({ code: "custom", message: `"${text}" is not a target; write ${TARGET_FORMS}` });
    return z.NEVER;
  });

const count = (max: number, min = 1) => z.int().min(min).max(max);

const phaseSchema = z
  .strictObject({
    name: z.string().min(1).max(60),
    closed: z.strictObject({ concurrency: count(CONCURRENCY_MAX) }).optional(),
    open: z
      .strictObject({
        ratePerSecond: z.number().positive().max(RATE_MAX),
        arrivals: z.enum(["even", "poisson"]).default("poisson"),
      })
      .optional(),
    duration,
    mix: z.partialRecord(z.enum(OPERATION_CLASSES), z.number().nonnegative()),
    measured: z.boolean().default(true),
  })
  .transform((phase, context): Phase => {
    if ((phase.open === undefined) === (phase.closed === undefined)) {
      context.addIssue({ code: "custom", message: "a phase has either `open` (a rate) or `closed` (a concurrency)" });
      return z.NEVER;
    }
    if (Object.values(phase.mix).every((weight) => weight === 0)) {
      context.addIssue({ code: "custom", path: ["mix"], message: "at least one weight is above 0" });
      return z.NEVER;
    }
    const loop: Phase["loop"] =
      phase.closed !== undefined
        ? { kind: "closed", concurrency: phase.closed.concurrency }
        : { kind: "open", ...(phase.open as NonNullable<typeof phase.open>) };
    return { name: phase.name, loop, durationMs: phase.duration, mix: phase.mix, measured: phase.measured };
  });

const memberChoice = z.enum(["leader", "follower"]);

const faultSchema = z
  .strictObject({
    partition: z.strictObject({ isolate: memberChoice }).optional(),
    pause: z.strictObject({ member: memberChoice }).optional(),
    phase: z.string(),
    at: duration,
    duration,
  })
  .transform(({ partition, pause, phase, at, duration }, context): PlannedFault => {
    const faults: Fault[] = [];
    if (partition !== undefined) faults.push({ kind: "partition", ...partition });
    if (pause !== undefined) faults.push({ kind: "pause", ...pause });
    const [fault] = faults;
    if (fault === undefined || faults.length > 1) {
      context.addIssue({ code: "custom", message: "a fault is either a `partition` or a `pause`" });
      return z.NEVER;
    }
    return { fault, phase, atMs: at, durationMs: duration };
  });

const leaseSchema = z
  .strictObject({
    count: count(LEASES_MAX),
    ttl: duration,
    keepAliveEvery: duration,
    through: z.enum(["any", "followers", "every"]).default("any"),
  })
  .transform(({ count, ttl, keepAliveEvery, through }, context): LeasePlan => {
    if (ttl < 1000 || ttl % 1000 !== 0)
      context.addIssue({ code: "custom", path: ["ttl"], message: "a lease lives for whole seconds, 1s or more" });
    if (keepAliveEvery >= ttl || keepAliveEvery < KEEPALIVE_MIN_MS)
      context.addIssue({
        code: "custom",
        path: ["keepAliveEvery"],
        message: `at least ${KEEPALIVE_MIN_MS}ms and less than the ttl`,
      });
    return { count, ttlSeconds: ttl / 1000, keepAliveEveryMs: keepAliveEvery, through };
  });

const kubernetesSchema = z
  .strictObject({
    apiServers: count(MEMBERS_MAX),
    pageKeys: count(LISTED_KEYS_MAX),
    listEvery: duration,
    compactEvery: duration,
    keysPerLease: count(100_000),
  })
  .transform(({ listEvery, compactEvery, ...rest }, context): KubernetesPlan => {
    for (const [name, ms] of Object.entries({ listEvery, compactEvery }))
      if (ms < LIST_MIN_MS) context.addIssue({ code: "custom", path: [name], message: `at least ${LIST_MIN_MS}ms` });
    return { ...rest, listEveryMs: listEvery, compactEveryMs: compactEvery };
  });

const resourcesSchema = z
  .strictObject({
    cpus: z.number().positive().max(1024).nullable().default(null),
    memoryMegabytes: count(MEGABYTES_MAX, 32).nullable().default(null),
    dataMegabytes: count(MEGABYTES_MAX, 1).nullable().default(null),
  })
  .default({ cpus: null, memoryMegabytes: null, dataMegabytes: null });

const planSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, "lower-case letters, digits and dashes, at most 40"),
  description: z.string().max(500).default(""),
  target,
  runtime: z.enum(["process", "docker"]).default("process"),
  proxy: z.enum(["auto", "toxiproxy", "embedded"]).default("auto"),
  members: count(MEMBERS_MAX).default(3),
  resources: resourcesSchema,
  logLevel: z.enum(["info", "debug"]).default("info"),
  seed: z.int().nonnegative().optional(),
  keys: z.strictObject({
    prefix: z.string().min(1).max(100),
    count: count(KEYS_MAX),
    distribution: z.enum(["uniform", "zipfian"]).default("uniform"),
    valueBytes: count(VALUE_MAX_BYTES, 16),
  }),
  clients: z
    .strictObject({
      connectionsPerMember: count(100),
      deadline: duration,
      watchersPerMember: count(100, 0).default(1),
      progressEvery: duration
        .refine((ms) => ms >= PROGRESS_MIN_MS, { message: `at least ${PROGRESS_MIN_MS}ms` })
        .nullable()
        .default(null),
    })
    .transform(({ connectionsPerMember, deadline, watchersPerMember, progressEvery }) => ({
      connectionsPerMember,
      deadlineMs: deadline,
      watchersPerMember,
      progressEveryMs: progressEvery,
    })),
  leases: leaseSchema.nullable().default(null),
  kubernetes: kubernetesSchema.nullable().default(null),
  phases: z.array(phaseSchema).min(1).max(50),
  faults: z.array(faultSchema).max(100).default([]),
  checks: z.array(z.enum(CHECK_NAMES)).min(1),
});

/**
 * Reads a plan's YAML. `file` is only named in errors; `drawSeed` is asked for a seed when the plan has none and must return a
 * safe integer. Throws `PlanError` with one line for each mistake, "file:line:column path: what".
 */
export function parsePlan(text: string, file: string, drawSeed: () => number): Plan {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) {
    throw new PlanError(
      syntax
        .map((error) => {
          const at = lines.linePos(error.pos[0]);
          return `${file}:${at.line}:${at.col} ${error.message.split("\n", 1)[0]?.replace(/ at line \d+, column \d+:$/, "")}`;
        })
        .join("\n"),
    );
  }

  const place = (offset: number): string => {
    const at = lines.linePos(offset);
    return `${file}:${at.line}:${at.col}`;
  };
  const locate = (path: readonly PropertyKey[]): string => {
    const parent: unknown = document.getIn(path.slice(0, -1), true);
    const pair = isMap(parent)
      ? parent.items.find((item) => isScalar(item.key) && item.key.value === path.at(-1))
      : null;
    if (isScalar(pair?.key) && pair.key.range) return place(pair.key.range[0]);
    // The deepest node of the path that stands in the file: a missing key is reported at the map that lacks it.
    for (let depth = path.length; depth >= 0; depth--) {
      const node: unknown = document.getIn(path.slice(0, depth), true);
      if (isNode(node) && node.range) return place(node.range[0]);
    }
    return place(0);
  };
  const fail = (issues: readonly { path: readonly PropertyKey[]; message: string }[]): never => {
    throw new PlanError(issues.map((i) => `${locate(i.path)} ${i.path.join(".") || "plan"}: ${i.message}`).join("\n"));
  };

  const parsed = planSchema.safeParse(document.toJS());
  if (!parsed.success) {
    return fail(
      parsed.error.issues.map((issue) => {
        // Point at the unknown key itself, not at the map around it.
        if (issue.code === "unrecognized_keys")
          return { path: [...issue.path, issue.keys[0] as string], message: "unknown setting; remove or correct it" };
        const missing = issue.code === "invalid_type" && document.getIn(issue.path) === undefined;
        return missing ? { path: issue.path, message: `is missing (${issue.expected})` } : issue;
      }),
    );
  }
  const { seed, ...rest } = parsed.data;
  const plan: Plan = { ...rest, seed: seed ?? drawSeed() };
  const issues = crossChecks(plan);
  return issues.length > 0 ? fail(issues) : plan;
}

function crossChecks(plan: Plan): { path: PropertyKey[]; message: string }[] {
  const issues: { path: PropertyKey[]; message: string }[] = [];
  const names = plan.phases.map((phase) => phase.name);
  plan.phases.forEach((phase, i) => {
    if (names.indexOf(phase.name) !== i)
      issues.push({ path: ["phases", i, "name"], message: `"${phase.name}" names an earlier phase` });
    if (phase.name === FINAL_PHASE)
      issues.push({ path: ["phases", i, "name"], message: `"${FINAL_PHASE}" is the name of the reads after the load` });
  });
  const writes = plan.phases.some(({ mix }) => (mix.put ?? 0) > 0 || (mix.update ?? 0) > 0);
  if (plan.kubernetes !== null && (plan.keys.count < 2 || plan.keys.count > LISTED_KEYS_MAX))
    issues.push({
      path: ["keys", "count"],
      message: `API servers list all keys, and agree by the last one: 2 to ${LISTED_KEYS_MAX} of them`,
    });
  plan.checks.forEach((check, i) => {
    if (check === "watch" && plan.clients.watchersPerMember === 0)
      issues.push({
        path: ["checks", i],
        message: "without watchers (clients.watchersPerMember) there is nothing to judge",
      });
    if (check === "lists" && plan.kubernetes === null)
      issues.push({ path: ["checks", i], message: "without API servers (kubernetes) there is nothing to judge" });
    if (check === "lease" && plan.leases === null)
      issues.push({ path: ["checks", i], message: "without leases there is nothing to judge" });
    if ((check === "watch" || check === "converged") && !writes)
      issues.push({
        path: ["checks", i],
        message: `no phase's mix has a put or an update, so "${check}" has nothing to judge`,
      });
  });
  if (plan.leases !== null) {
    const { count, keepAliveEveryMs, through } = plan.leases;
    const durationMs = plan.phases.reduce((sum, phase) => sum + phase.durationMs, 0);
    const keepalives = count * (through === "every" ? plan.members : 1) * (durationMs / keepAliveEveryMs);
    if (keepalives > KEEPALIVES_MAX)
      issues.push({
        path: ["leases", "count"],
        message: `${Math.ceil(keepalives)} keepalives in one run are more than ${KEEPALIVES_MAX}: fewer leases, or rarer keepalives`,
      });
  }
  plan.faults.forEach((planned, i) => {
    const phase = plan.phases.find((candidate) => candidate.name === planned.phase);
    if (phase === undefined) {
      issues.push({
        path: ["faults", i, "phase"],
        message: `no phase is named "${planned.phase}" (${names.join(", ")})`,
      });
    } else if (phase.loop.kind !== "open" || !phase.measured) {
      issues.push({ path: ["faults", i, "phase"], message: "a fault belongs into a measured open-loop phase" });
    } else if (planned.atMs + planned.durationMs > phase.durationMs) {
      issues.push({
        path: ["faults", i, "duration"],
        message: `the fault ends after its phase (${phase.durationMs} ms)`,
      });
    }
    if (plan.members < 3)
      issues.push({
        path: ["members"],
        message: `a ${planned.fault.kind} needs at least three members to leave a quorum`,
      });
  });
  return issues;
}

/** JSON schema of a plan file, for editors. */
export function planJsonSchema(): object {
  return z.toJSONSchema(planSchema, { io: "input" });
}
