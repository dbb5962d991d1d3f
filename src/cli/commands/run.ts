/** `muster run`: starts a workflow, follows it to its end, and exports its files. */
import { join, relative } from "node:path";
import { systemClock } from "../../clock.ts";
import { formatMs, toMs } from "../../duration.ts";
import { MusterError } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { RunView } from "../../orchestrator/view.ts";
import { isArtifactRef } from "../../skill/skill.ts";
import { didYouMean } from "../../suggest.ts";
import { skillsOf, type WorkflowDefinition } from "../../workflow/definition.ts";
import { coerceInputs } from "../../workflow/inputs.ts";
import { isRunOver } from "../../workflow/run.ts";
import { type Connection, dataFolder, findServer, openConnection } from "../connection.ts";
import { EXIT_CANCELLED, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_PARTIAL } from "../exit-codes.ts";
import { type ExportedFile, exportArtifacts } from "../export.ts";
import { onInterrupt } from "../interrupt.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { createProgress } from "../progress.ts";
import { Terminal } from "../terminal.ts";
import { readObject, readPairs } from "../values.ts";

interface RunOptions extends GlobalOptions {
	input?: string[];
	inputFile?: string;
	out?: string;
	detach?: boolean;
}

export async function run([workflow = ""]: string[], options: RunOptions): Promise<number> {
	const terminal = new Terminal(options);
	const timeoutMs = options.timeout === undefined ? undefined : toMs(options.timeout, "--timeout");
	const texts = readPairs(options.input ?? []);
	const fromFile = options.inputFile === undefined ? {} : await readObject(options.inputFile);
	const connection = options.detach
		? await needServer(options)
		: await openConnection(options, { work: true, create: true });
	try {
		const { definition } = await connection.workflow(workflow);
		const inputs = { ...fromFile, ...coerceInputs(definition, texts) };
		await checkSkills(terminal, connection, definition);
		const started = await connection.startRun(workflow, inputs);
		if (options.detach) return detached(terminal, options, started);
		if (connection.remark !== undefined) terminal.say(connection.remark);
		terminal.say(`${started.workflow} ${started.id}`);
		return await follow(terminal, options, connection, started, timeoutMs);
	} finally {
		await connection.close();
	}
}

/** Without a server nobody else will come who can do a step: the run would wait for ever. With one an agent may be added. */
async function checkSkills(terminal: Terminal, connection: Connection, definition: WorkflowDefinition): Promise<void> {
	const known = new Set((await connection.agents()).flatMap(({ capabilities }) => capabilities));
	const unknown = [...skillsOf(definition)].find(([skill]) => !known.has(skill));
	if (unknown === undefined) return;
	const [skill, step] = unknown;
	const problem = `no agent can do the step ${step}: there is no skill "${skill}"`;
	const hint = didYouMean(skill, known) ?? "Own skills are run by your own program, see the README.";
	if (connection.url === undefined) throw new MusterError("E_WORKFLOW_INVALID", problem, { hint });
	terminal.say(`note: ${plain(problem)}; it waits until one is added. ${plain(hint)}`);
}

async function needServer(options: RunOptions): Promise<Connection> {
	const server = await findServer(options);
	if (server !== undefined) return server;
	throw new MusterError(
		"E_UNREACHABLE",
		`no server runs on ${dataFolder(options)}, so nothing would go on with the run`,
		{
			hint: "Start one with: muster up, or leave out --detach.",
		},
	);
}

function detached(terminal: Terminal, options: RunOptions, run: RunView): number {
	if (options.json) terminal.json(run);
	else terminal.print(run.id);
	terminal.hint("Look at it with", `task ${run.id}`);
	return 0;
}

async function follow(
	terminal: Terminal,
	options: RunOptions,
	connection: Connection,
	started: RunView,
	timeoutMs: number | undefined,
): Promise<number> {
	const { id } = started;
	const stop = new AbortController();
	const progress = createProgress(terminal, systemClock);
	let cancelled: Promise<void> | undefined;
	const interrupts = onInterrupt((signal) => {
		progress.end();
		if (signal === "SIGTERM") return stop.abort();
		terminal.say("cancelling the run; ^C again leaves at once");
		cancelled = connection.cancel(id);
		cancelled.catch(() => stop.abort());
	});
	const forget = timeoutMs === undefined ? () => undefined : systemClock.after(timeoutMs, () => stop.abort());
	let run = started;
	try {
		for await (run of connection.watchRun(id, stop.signal)) progress.show(run);
		await cancelled;
	} finally {
		progress.end();
		forget();
		interrupts.forget();
	}
	if (!isRunOver(run.state))
		return notOver(terminal, connection, run, interrupts.signal, stop.signal.aborted, timeoutMs);
	return finish(terminal, options, connection, run, interrupts.signal === undefined ? undefined : EXIT_INTERRUPTED);
}

/** The command ends before the run does. */
function notOver(
	terminal: Terminal,
	connection: Connection,
	run: RunView,
	signal: string | undefined,
	aborted: boolean,
	timeoutMs: number | undefined,
): number {
	const goesOn = connection.url === undefined ? "goes on at the next start" : "goes on in the server";
	const next = connection.url === undefined ? "up" : `task ${run.id}`;
	if (signal !== undefined) {
		terminal.say(`stopped; ${run.id} ${goesOn}`);
		terminal.hint("Next", next);
		return EXIT_INTERRUPTED;
	}
	if (aborted) {
		throw new MusterError("E_WAIT_TIMEOUT", `${run.id} was not done within ${timeoutMs} ms; it ${goesOn}`, {
			hint: `Next: ${terminal.command(next)}`,
		});
	}
	throw new MusterError("E_STOPPED", `the server stopped; ${run.id} goes on at its next start`, {
		hint: `Start it with: ${terminal.command("up")}`,
	});
}

async function finish(
	terminal: Terminal,
	options: RunOptions,
	connection: Connection,
	run: RunView,
	interrupted: number | undefined,
): Promise<number> {
	const folder = options.out ?? join("out", run.workflow, run.id);
	const files = await exportArtifacts(run.outputs ?? {}, folder, (artifact) => connection.artifact(artifact));
	if (options.json) terminal.json({ ...run, files });
	else printOutputs(terminal, run.outputs ?? {}, files);
	const took = formatMs(Date.parse(run.endedAt ?? run.createdAt) - Date.parse(run.createdAt));
	const style = run.state === "completed" ? "green" : "red";
	terminal.say(
		`${terminal.paint(style, run.state, process.stderr)} in ${took}${files.length > 0 ? `, ${files.length} file(s) in ${folder}` : ""}`,
	);
	if (run.error !== undefined && run.state === "failed") {
		terminal.say(`${terminal.paint("red", `error ${run.error.code}:`, process.stderr)} ${plain(run.error.message)}`);
	}
	terminal.hint("See its steps and tasks with", `task ${run.id}`);
	const missing = run.steps.reduce((sum, step) => sum + (step.missing?.length ?? 0), 0);
	if (run.state === "completed" && missing > 0) {
		terminal.say(`${missing} item(s) are missing; the run went on without them, as its workflow says`);
		return EXIT_PARTIAL;
	}
	if (run.state === "completed") return 0;
	if (interrupted !== undefined) return interrupted;
	return run.state === "cancelled" ? EXIT_CANCELLED : EXIT_FAILED;
}

/** Where each output is: the path of a file, or the value itself. */
function printOutputs(terminal: Terminal, outputs: { [name: string]: Json }, files: readonly ExportedFile[]): void {
	const rows = Object.entries(outputs).flatMap(([name, value]) => {
		const own = files.filter(
			({ output }) => output === name || output.startsWith(`${name}.`) || output.startsWith(`${name}[`),
		);
		if (own.length > 0) return own.map(({ output, path }) => [output, shortPath(path)]);
		return isArtifactRef(value) ? [] : [[name, shorten(JSON.stringify(value))]];
	});
	if (rows.length > 0)
		terminal.table(
			["OUTPUT", "VALUE"],
			rows.map(([name = "", value = ""]) => [name, value]),
		);
}

const LONGEST_VALUE = 200;

const shorten = (text: string): string =>
	text.length <= LONGEST_VALUE
		? text
		: `${text.slice(0, LONGEST_VALUE)}… (${text.length} characters; --json shows all)`;

function shortPath(path: string): string {
	const short = relative(process.cwd(), path);
	return short === "" || short.startsWith("..") ? path : short;
}
