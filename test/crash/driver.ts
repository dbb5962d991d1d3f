/** Starts worker processes on one data folder, sends them work, kills them, and writes down all it hears. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Answer, type Command, clockNs, type LogEntry, type Spec, type WitnessLine } from "./messages.ts";

type Send = Command extends infer Each ? (Each extends { n: number } ? Omit<Each, "n"> : Each) : never;

export class Driver {
	readonly folder = mkdtempSync(join(tmpdir(), "muster-crash-"));
	readonly data = join(this.folder, "data");
	readonly witness = join(this.folder, "witness.ndjson");
	readonly log: LogEntry[] = [];
	/** Milliseconds each start took, from `open` to ready. */
	readonly starts: number[] = [];
	readonly options: Record<string, unknown>;
	readonly #module: string;
	#worker: ChildProcess | undefined;
	#spare: { child: ChildProcess; loaded: Promise<void> } | undefined;
	#listeners = new Set<(answer: Answer) => void>();
	#n = 0;
	#lastSeq = 0;

	constructor(options: Record<string, unknown> = {}, module = "./worker.ts") {
		this.options = { dataDir: this.data, ...options };
		this.#module = module;
	}

	get calls(): number {
		return this.#n;
	}

	/** A process that has loaded everything but owns nothing yet: so that a restart costs only the recovery. */
	prepare(): void {
		if (this.#spare !== undefined) return;
		const child = fork(new URL(this.#module, import.meta.url), {
			env: { ...process.env, WITNESS: this.witness, NODE_COMPILE_CACHE: join(tmpdir(), "muster-crash-compile-cache") },
		});
		const loaded = new Promise<void>((resolve, reject) => {
			child.once("message", () => resolve());
			child.once("exit", (code, signal) => reject(new Error(`the worker ended (${code ?? signal}) before it began`)));
		});
		loaded.catch(() => undefined); // one that is never needed is ended with the driver
		this.#spare = { child, loaded };
	}

	async start(): Promise<void> {
		this.prepare();
		const { child, loaded } = this.#spare as { child: ChildProcess; loaded: Promise<void> };
		this.#spare = undefined;
		await loaded;
		child.removeAllListeners("exit");
		this.#worker = child;
		child.on("message", (answer: Answer) => this.#heard(answer));
		const opened = this.next((answer) => answer.kind === "open");
		this.tell({ op: "open", options: this.options, after: this.#lastSeq });
		const answer = await opened;
		if (answer.kind === "open") this.starts.push(answer.ms);
	}

	/** The next answer that fits; rejects when the worker says that it failed. */
	next(fits: (answer: Answer) => boolean): Promise<Answer> {
		const { promise, resolve, reject } = Promise.withResolvers<Answer>();
		const listener = (answer: Answer): void => {
			if (answer.kind === "failed") reject(new Error(answer.message));
			else if (fits(answer)) resolve(answer);
			else return;
			this.#listeners.delete(listener);
		};
		this.#listeners.add(listener);
		return promise;
	}

	tell(command: Command): void {
		if (this.#worker?.connected) this.#worker.send(command, () => undefined);
	}

	/** Sends a call and writes it down; the answer comes into the log by itself. */
	call(command: Extract<Send, { op: "submit" | "run" | "cancel" }>): number {
		const n = ++this.#n;
		const t = clockNs();
		if (command.op === "submit") this.log.push({ what: "submit", n, t, specs: command.specs as Spec[] });
		else if (command.op === "run") this.log.push({ what: "run", n, t });
		else this.log.push({ what: "cancel", n, t, id: command.id });
		this.tell({ ...command, n } as Command);
		return n;
	}

	/** kill -9, and waits until the process is gone and all it had said has been read. */
	async kill(cycle = 0): Promise<void> {
		const died = this.died();
		this.#worker?.kill("SIGKILL");
		await died;
		this.log.push({ what: "kill", t: clockNs(), cycle });
		this.#listeners.clear();
	}

	/** Resolves when the worker's process is gone and all it had said has been read. */
	died(): Promise<void> {
		const child = this.#worker as ChildProcess;
		return new Promise((resolve) => void child.once("close", () => resolve()));
	}

	get final(): Extract<LogEntry, { what: "final" }> {
		return this.log.findLast((entry) => entry.what === "final") as Extract<LogEntry, { what: "final" }>;
	}

	async drain(): Promise<void> {
		const drained = this.next((answer) => answer.kind === "drained");
		this.tell({ op: "drain" });
		await drained;
	}

	async stop(): Promise<void> {
		const child = this.#worker as ChildProcess;
		const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
		this.tell({ op: "stop" });
		await gone;
	}

	witnessed(): WitnessLine[] {
		let text = "";
		try {
			text = readFileSync(this.witness, "utf8");
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
		}
		return text
			.split("\n")
			.filter((line) => line !== "")
			.map((line) => JSON.parse(line) as WitnessLine);
	}

	/** Ends every process of this driver and removes its folder. */
	dispose(): void {
		for (const child of [this.#worker, this.#spare?.child]) if (child?.exitCode === null) child.kill("SIGKILL");
		rmSync(this.folder, { recursive: true, force: true });
	}

	#heard(answer: Answer): void {
		const t = clockNs();
		if (answer.kind === "ack") this.log.push({ what: "ack", n: answer.n, t, ids: answer.ids });
		else if (answer.kind === "refused") this.log.push({ what: "refused", n: answer.n, t, code: answer.code });
		else if (answer.kind === "events") {
			for (const event of answer.events) {
				this.#lastSeq = Math.max(this.#lastSeq, event.seq);
				this.log.push({ what: "event", t, event });
			}
		} else if (answer.kind === "drained") {
			const { tasks, runs, counts } = answer;
			this.log.push({ what: "final", t, tasks, runs, counts });
		}
		for (const listener of [...this.#listeners]) listener(answer);
	}
}

/** Mulberry32: what a seed decides is decided again. */
export function seeded(seed: number): () => number {
	let state = seed;
	return () => {
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}
