/**
 * A skill is the implementation of a task type. It gets its input and a context, and returns its output or throws.
 * It never sees the journal, the scheduler or another task.
 */
import type { z } from "zod";
import type { Bus } from "../bus/bus.ts";
import type { Streams } from "../bus/stream.ts";
import type { Duration } from "../duration.ts";
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";

/** A file a task produced, stored by the hash of its content. Results above 64 kB travel as one of these. */
export interface ArtifactRef {
	/** `sha256:` and 64 hex digits. */
	ref: string;
	/** Bytes. */
	size: number;
	/** For example `text/markdown`. */
	mediaType: string;
	/** The name it gets when it is exported, for example `article.md`; one path segment. */
	name: string;
}

export interface ArtifactStore {
	/** Stores the content (a no-op when it is there already) and resolves when it is on disk. */
	put(name: string, content: string | Uint8Array, mediaType: string): Promise<ArtifactRef>;
	/** @throws E_ARTIFACT_UNKNOWN */
	read(artifact: ArtifactRef): Promise<Uint8Array>;
	/** The content as UTF-8. @throws E_ARTIFACT_UNKNOWN */
	text(artifact: ArtifactRef): Promise<string>;
	/** The value itself, or the parsed content when it is a reference to JSON: for inputs that may be either. */
	json(value: Json | ArtifactRef): Promise<Json>;
}

export interface SkillLog {
	debug(message: string, fields?: Record<string, Json>): void;
	info(message: string, fields?: Record<string, Json>): void;
	warn(message: string, fields?: Record<string, Json>): void;
	error(message: string, fields?: Record<string, Json>): void;
}

/**
 * One effect on the outside world. The ledger records `intended` durably before `run` and `done` with the result after it.
 * A later attempt of the same task gets the recorded result. When a crash left it between the two, `verify` decides;
 * without `verify` an `idempotent` effect runs again and any other ends the task with E_EFFECT_AMBIGUOUS.
 */
export interface Effect<Result extends Json> {
	/** Names the effect inside its task; the same in every attempt, so never random. */
	key: string;
	/** For a person: what is about to happen, for example `write alerts/cpu.md`. */
	describe: string;
	/**
	 * Does it. To say that it certainly did not happen, and may be tried again, throw a MusterError with E_EFFECT_FAILED;
	 * after any other error the ledger assumes that it may have.
	 */
	run(key: string): Promise<Result>;
	/** Looks at the outside world: the result if the effect is there, undefined if it certainly is not. */
	verify?(key: string): Promise<Result | undefined>;
	/** Doing it twice is the same as doing it once. Default false. */
	idempotent?: boolean;
}

/** What a skill asks a person. The same key in every attempt; an answer counts for the title and content it was given to. */
export interface Question {
	key: string;
	/** One line. */
	title: string;
	/** What is to be approved, as it is: JSON. */
	content?: Json;
	/** To pick by, for example `{ risk: "low" }`. */
	labels?: { [name: string]: string };
	/** Default: it waits for ever. */
	timeout?: Duration;
	/** Without an answer in time: `deny` (default) answers no, `fail` fails the task. */
	onTimeout?: "deny" | "fail";
}

export interface QuestionAnswer {
	approved: boolean;
	by?: string;
	comment?: string;
	/** Nobody answered in time. */
	expired?: true;
}

/** The outcome of one child of a coordinating task. */
export interface ChildResult {
	id: string;
	type: string;
	state: "completed" | "failed" | "cancelled" | "skipped";
	output?: Json;
	error?: { code: string; message: string };
}

/** The message bus for the time of one attempt: when it ends, for whatever reason, so do its subscriptions and requests. */
export interface SkillBus extends Pick<Bus, "publish" | "subscribe" | "request" | "requestMany"> {
	readonly streams: Pick<Streams, "append">;
}

export interface SkillContext {
	readonly task: {
		readonly id: string;
		readonly type: string;
		readonly attempt: number;
		readonly run?: string;
		readonly step?: string;
	};
	/** Aborted on cancel, timeout, lost agent and shutdown; its reason is the MusterError. Pass it to everything that waits. */
	readonly signal: AbortSignal;
	/** Wall clock in milliseconds; skills have no other. */
	now(): number;
	/** How far this attempt is, 0..1; also counts as a sign of life for `idleTimeout`. Live only, not journaled. */
	progress(fraction: number, message?: string): void;
	readonly log: SkillLog;
	/** See {@link Effect}. Not available inside a skill thread. */
	effect<Result extends Json>(effect: Effect<Result>): Promise<Result>;
	/**
	 * Asks a person. Without an answer the attempt ends here (what this throws must not be caught) and gives its slot back;
	 * with one the skill runs again from its beginning and gets it. Not available inside a skill thread.
	 */
	ask(question: Question): Promise<QuestionAnswer>;
	/** Messages to and from others. Not available inside a skill thread. */
	readonly bus: SkillBus;
	readonly artifacts: ArtifactStore;
	/**
	 * Outputs of the tasks in `dependsOn`, in that order; in a workflow those of the steps in `needs`, where one with
	 * `forEach` gives the list of its outputs.
	 */
	readonly previous: readonly Json[];
	/** What this task's children came to, once a coordinator has delegated. */
	readonly children: readonly ChildResult[];
}

/** The agents of a default fleet that get a skill; each is a capability pool with its own share of `--agents N`. */
export type SkillPool = "research" | "processing" | "analysis" | "monitoring";

export interface Skill<Input = unknown, Output = unknown> {
	/** The task type it performs; lower case with dashes. */
	readonly name: string;
	/** One sentence for `muster agents` and docs. */
	readonly description: string;
	/** Checked at submit and before each attempt; defaults are filled in. Without it any JSON is taken. */
	readonly input?: z.ZodType<Input>;
	/** Checked when `run` returns. Without it any JSON is taken. */
	readonly output?: z.ZodType<Output>;
	/** Default `processing`. */
	readonly pool?: SkillPool;
	/** `import.meta.url` of the module that exports this skill: it then runs in the thread pool, off the main thread. */
	readonly thread?: string;
	run(input: Input, context: SkillContext): Promise<Output> | Output;
}

const NAME = /^[a-z][a-z0-9]*([._-][a-z0-9]+)*$/;

/** Gives the types of `input` and `output` to `run`, and checks the name. @throws E_CONFIG_INVALID */
export function defineSkill<Input = Json, Output = Json>(skill: Skill<Input, Output>): Skill<Input, Output> {
	if (!NAME.test(skill.name) || skill.name.length > 64) {
		throw new MusterError("E_CONFIG_INVALID", `"${skill.name}" cannot be the name of a skill`, {
			hint: "Use lower-case letters, digits and single dashes, dots or underscores, at most 64, for example fetch-page.",
		});
	}
	return skill;
}

/** Any skill, whatever its types: what registries and lists hold. */
// biome-ignore lint/suspicious/noExplicitAny: a list of skills has no common input type, and run's parameter is contravariant
export type AnySkill = Skill<any, any>;

export function isArtifactRef(value: unknown): value is ArtifactRef {
	const candidate = value as Partial<ArtifactRef> | null;
	return (
		typeof candidate === "object" &&
		candidate !== null &&
		typeof candidate.ref === "string" &&
		/^sha256:[0-9a-f]{64}$/.test(candidate.ref) &&
		typeof candidate.size === "number" &&
		typeof candidate.mediaType === "string"
	);
}
