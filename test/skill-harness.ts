/** Runs one skill alone: artifacts in memory, an effect ledger in a Map that a test can keep across "crashes". */
import { createHash } from "node:crypto";
import { HandClock } from "../src/clock.ts";
import { MusterError } from "../src/errors.ts";
import { copyJson, type Json } from "../src/json.ts";
import {
	type AnySkill,
	type ArtifactRef,
	type ArtifactStore,
	type Effect,
	isArtifactRef,
	type SkillBus,
	type SkillContext,
} from "../src/skill/skill.ts";

export interface LedgerEntry {
	state: "intended" | "done";
	result?: Json;
}

export interface Harness {
	context: SkillContext;
	artifacts: ArtifactStore;
	progress: { fraction: number; message?: string }[];
	logs: { level: string; message: string }[];
	ledger: Map<string, LedgerEntry>;
	abort: (reason?: Error) => void;
}

export function createHarness(
	options: {
		previous?: Json[];
		ledger?: Map<string, LedgerEntry>;
		artifacts?: ArtifactStore;
		clock?: HandClock;
		bus?: SkillBus;
	} = {},
): Harness {
	const clock = options.clock ?? new HandClock();
	const ledger = options.ledger ?? new Map<string, LedgerEntry>();
	const artifacts = options.artifacts ?? memoryArtifacts();
	const controller = new AbortController();
	const progress: Harness["progress"] = [];
	const logs: Harness["logs"] = [];
	const log = (level: string) => (message: string) => void logs.push({ level, message });
	const context: SkillContext = {
		task: { id: "tsk_test", type: "test", attempt: 1 },
		signal: controller.signal,
		now: () => clock.now(),
		progress: (fraction, message) => void progress.push(message === undefined ? { fraction } : { fraction, message }),
		log: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
		effect: (effect) => runEffect(ledger, effect),
		ask: async () => {
			throw new MusterError("E_CONFIG_INVALID", "nobody is there to be asked");
		},
		bus: options.bus ?? noBus,
		artifacts,
		previous: options.previous ?? [],
		children: [],
	};
	return { context, artifacts, progress, logs, ledger, abort: (reason) => controller.abort(reason) };
}

const nobody = (): never => {
	throw new MusterError("E_CONFIG_INVALID", "there is no bus here");
};
const noBus: SkillBus = {
	...{ publish: nobody, subscribe: nobody, request: nobody, requestMany: nobody },
	streams: { append: nobody },
};

/** Parses the input, runs the skill, checks that the output is JSON and fits its schema. */
export async function runSkill(skill: AnySkill, input: unknown, harness = createHarness()): Promise<Json> {
	const parsed: unknown = skill.input ? skill.input.parse(input) : input;
	const output = copyJson(await skill.run(parsed, harness.context), "output", "E_OUTPUT_INVALID");
	skill.output?.parse(output);
	return output;
}

async function runEffect<Result extends Json>(
	ledger: Map<string, LedgerEntry>,
	effect: Effect<Result>,
): Promise<Result> {
	const known = ledger.get(effect.key);
	if (known?.state === "done") return known.result as Result;
	if (known?.state === "intended") {
		const found = await effect.verify?.(effect.key);
		if (found !== undefined) {
			ledger.set(effect.key, { state: "done", result: found });
			return found;
		}
		if (effect.verify === undefined && effect.idempotent !== true) {
			throw new MusterError("E_EFFECT_AMBIGUOUS", `"${effect.describe}" may have been done`);
		}
	}
	ledger.set(effect.key, { state: "intended" });
	const result = await effect.run(effect.key);
	ledger.set(effect.key, { state: "done", result });
	return result;
}

export function memoryArtifacts(): ArtifactStore {
	const stored = new Map<string, Uint8Array>();
	const store: ArtifactStore = {
		async put(name, content, mediaType) {
			const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
			const ref = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
			stored.set(ref, bytes);
			return { ref, size: bytes.byteLength, mediaType, name };
		},
		async read(artifact) {
			const bytes = stored.get(artifact.ref);
			if (bytes === undefined) throw new MusterError("E_ARTIFACT_UNKNOWN", `${artifact.ref} is not stored`);
			return bytes;
		},
		text: async (artifact) => new TextDecoder().decode(await store.read(artifact)),
		json: async (value) =>
			isArtifactRef(value) ? (JSON.parse(await store.text(value as ArtifactRef)) as Json) : (value as Json),
	};
	return store;
}
