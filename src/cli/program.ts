/**
 * The commands with their options and help, and nothing else: `muster --help` loads this file and commander alone.
 * What a command does is in `commands/`, loaded when it is called.
 */
import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { exitCodes } from "./exit-codes.ts";

export interface GlobalOptions {
	data?: string;
	json?: boolean;
	quiet?: boolean;
	color: boolean;
	timeout?: string;
}

/** What a command's file exports: does it, and gives the exit code. */
// biome-ignore lint/suspicious/noExplicitAny: each command has options of its own, which commander cannot type
export type CommandModule = { run(args: string[], options: any): Promise<number> };

export interface ProgramOptions {
	version(): string;
	/** Told the exit code of the command that ran. */
	done(exitCode: number): void;
}

export function createProgram({ version, done }: ProgramOptions): Command {
	const program = new Command("muster")
		.description("Runs fleets of agents: durable tasks and workflows in one process and one data folder.")
		.usage("<command> [options]")
		.option("--data <dir>", "data folder (default: $MUSTER_DATA, or data)")
		.option("--json", "data as JSON on stdout, for programs")
		.option("-q, --quiet", "no progress and no remarks on stderr")
		.option("--no-color", "no colours; NO_COLOR does the same")
		.option("--timeout <duration>", "longest time to wait for an answer or for work, for example 30s")
		.option("-V, --version", "the version")
		.helpOption("-h, --help", "help; with a command, help for it")
		.helpCommand(false)
		.configureHelp({ showGlobalOptions: true, sortSubcommands: false })
		.showSuggestionAfterError(true)
		.addHelpText("after", `\n${exitCodesText()}\n\nBegin with:  muster run content-creation`);
	program.on("option:version", () => {
		process.stdout.write(`${version()}\n`);
		throw new VersionShown();
	});
	const lazy = (load: () => Promise<CommandModule>) =>
		async function action(this: Command): Promise<void> {
			const command = await load();
			done(await command.run(this.args, this.optsWithGlobals()));
		};

	program
		.command("up")
		.description("keep an orchestrator running, with its agents and its HTTP API")
		.option("--port <number>", "port to listen on; 0 for any that is free", whole(0, 65_535), 7620)
		.option("--host <address>", "address to listen on; beyond this machine only with TLS and --allow-host", "127.0.0.1")
		.option("--allow-host <name>", "a name by which it is reached, perhaps through a proxy; again for each", collect)
		.option("--tls-cert <file>", "certificate with its chain, PEM")
		.option("--tls-key <file>", "key of the certificate, PEM")
		.addOption(
			new Option("--agents <number>", "a fleet in pools of this size, up to 620")
				.argParser(whole(1, 100_000))
				.conflicts(["workers", "coordinators"]),
		)
		.option("--workers <number>", "agents that can do every task (default: 10)", whole(0, 100_000))
		.option("--coordinators <number>", "agents that split tasks and gather results (default: 2)", whole(0, 100_000))
		.addOption(
			new Option("--durability <kind>", "full: what is acknowledged survives a power cut; normal: it survives kill -9")
				.choices(["full", "normal"])
				.default("full"),
		)
		.option("--grace <duration>", "time running tasks get to end when it is stopped", "10s")
		.addHelpText("after", example("muster up --agents 100 --port 7620", STOP_TEXT))
		.action(lazy(() => import("./commands/up.ts")));

	program
		.command("down")
		.description("ask the server of the data folder to stop, and wait until it has")
		.addHelpText("after", example("muster down --timeout 1m", DOWN_TEXT))
		.action(lazy(() => import("./commands/down.ts")));

	program
		.command("run")
		.description("run a workflow, show its progress, and put its files into a folder")
		.argument("<workflow>", "a name (see: muster workflows), or the path of a .yaml file")
		.option("-i, --input <key=value>", "an input of the workflow; again for each", collect)
		.option("--input-file <file>", "inputs from a JSON object in a file; -i goes before them")
		.option("--out <dir>", "folder for the files it makes (default: out/<workflow>/<run id>)")
		.option("--detach", "start it in the running server and return at once")
		.addHelpText("after", example('muster run content-creation -i topic="crash recovery" -i words=800', RUN_TEXT))
		.action(lazy(() => import("./commands/run.ts")));

	program
		.command("submit")
		.description("submit one task; its id is on stdout once the task is stored")
		.argument("<type>", "the task type, for example research (see: muster skills)")
		.option("-i, --input <key=value>", "a member of the input; JSON where it is JSON, else text", collect)
		.option("--input-json <json>", "the whole input as JSON")
		.addOption(
			new Option("--priority <priority>", "its place in the queue").choices([
				"critical",
				"high",
				"normal",
				"low",
				"background",
			]),
		)
		.option("--after <id>", "a task that must complete first; again for each", collect)
		.addOption(new Option("--at <time>", "not before this time, for example 2026-12-01T07:00:00Z").conflicts("delay"))
		.option("--delay <duration>", "not before this long from now, for example 10m")
		.option("--key <key>", "idempotency key: the same key again gives the same task")
		.option(
			"--concurrency <key[:limit[:policy]]>",
			"so many of the key at a time (default 1), then queue, reject or cancel-previous; a key with colons needs its limit",
		)
		.option("--rate <key:limit/per>", "so many starts of the key in a time, for example api:10/1m")
		.option("--coalesce <key>", "at most one of the type and key that has not begun")
		.option("--retries <number>", "further attempts after a failed one (default: 2)", whole(0, 999))
		.option("--attempt-timeout <duration>", "longest time of one attempt")
		.option("--stall-timeout <duration>", "longest time that the progress of an attempt may stand still")
		.option("--wait", "wait for its end; its output is then on stdout")
		.addHelpText("after", example('muster submit research -i topic="queues" -i folder=samples/library --wait'))
		.action(lazy(() => import("./commands/submit.ts")));

	program
		.command("status")
		.description("how the fleet and the queue are")
		.addHelpText("after", example("muster status --json"))
		.action(lazy(() => import("./commands/status.ts")));

	program
		.command("ps")
		.description("tasks, the newest first, and why each one waits")
		.option("--runs", "runs of workflows instead of tasks")
		.option("--state <states>", "only those in one of these states, for example running,waiting")
		.option("--type <type>", "tasks: only of this type")
		.option("--agent <name>", "tasks: only those that this agent has, or had last")
		.option("--run <id>", "tasks: only those of this run")
		.option("--group <name>", "tasks: only those of this bare workflow")
		.option("--workflow <name>", "runs: only those of this workflow")
		.option("--since <time>", "only from this time on, for example 2026-12-01T07:00:00Z, or for so long back: 2h")
		.option("--until <time>", "only before this time, or so long ago")
		.option("--limit <number>", "most rows", whole(1, 1_000), 50)
		.option("--cursor <cursor>", "go on after the last row of a list before; its hint tells the cursor")
		.addHelpText("after", example("muster ps --state running,waiting --type research", "  muster ps --runs --limit 10"))
		.action(lazy(() => import("./commands/ps.ts")));

	program
		.command("task")
		.description("one task with its attempts, or one run with its steps")
		.argument("<id>", "the id, or the beginning of one that no other begins with")
		.addHelpText("after", example("muster task tsk_1m8646zsq07sv25x"))
		.action(lazy(() => import("./commands/task.ts")));

	program
		.command("agents")
		.description("the agents, what each can do and how it fares")
		.addHelpText("after", example("muster agents"))
		.action(lazy(() => import("./commands/agents.ts")));

	program
		.command("skills")
		.description("the skills that come along, and what each takes and gives")
		.argument("[name]", "one of them")
		.addHelpText("after", example("muster skills detect"))
		.action(lazy(() => import("./commands/skills.ts")));

	program
		.command("workflows")
		.description("the workflows that can be run, with their inputs")
		.addArgument(
			new Argument(
				"[what]",
				"enable or disable a workflow's triggers, list enabled ones, or print the file schema",
			).choices([...["enable", "disable", "enabled", "schema"]]),
		)
		.argument("[workflow]", "enable, disable: its name; enable: or the path of a .yaml file")
		.option("-i, --input <key=value>", "enable: an input of the runs, where a trigger gives none", collect)
		.option(
			"--check <file>",
			"check a workflow file, also against the workflows and skills known here; every problem with its line and column",
		)
		.addHelpText(
			"after",
			example("muster workflows --check my-workflow.yaml", "  muster workflows enable my-workflow.yaml"),
		)
		.action(lazy(() => import("./commands/workflows.ts")));

	program
		.command("schedules")
		.description("what starts by itself at times, and when next")
		.addArgument(new Argument("[action]", "list (default), or delete").choices(["list", "delete"]))
		.argument("[id]", "delete: which")
		.addHelpText("after", example("muster schedules delete nightly"))
		.action(lazy(() => import("./commands/schedules.ts")));

	program
		.command("cancel")
		.description("cancel a task or a run with all that belongs to it")
		.argument("<id>", "the id, or the beginning of one that no other begins with")
		.addHelpText("after", example("muster cancel run_1m8646zsq07sv25x"))
		.action(lazy(() => import("./commands/cancel.ts")));

	program
		.command("retry")
		.description("do a task or a run again that failed or was given up; what a run completed is not done again")
		.argument("<id>", "the id, or the beginning of one that no other begins with")
		.option("-i, --input <key=value>", "another input: a member of it; JSON where it is JSON, else text", collect)
		.option("--input-json <json>", "the whole other input as JSON")
		.option("--from <step>", "of a run: do this step and all that needs it again (default: what did not complete)")
		.option("--latest", "of a run: on the present definition, not on the one it was pinned to")
		.addHelpText("after", example("muster retry run_1m8646zsq07sv25x --from print -i copies=3"))
		.action(lazy(() => import("./commands/retry.ts")));

	program
		.command("dead")
		.description("dead letters: failed tasks with their errors; submit them again, or put them away")
		.addArgument(new Argument("[what]", "list (default), retry or drop").choices(["list", "retry", "drop"]))
		.argument("[ids...]", "which: ids, or the beginnings of ids that no other begins with")
		.option("--all", "retry or drop: all of them")
		.option("--type <type>", "only those of this task type")
		.option("--code <code>", "only those with this error code, for example E_TIMEOUT")
		.option("--limit <number>", "most of them (default of the list: 50)", whole(1, 1_000))
		.option("-i, --input <key=value>", "retry of one: another input; a member of it", collect)
		.option("--input-json <json>", "retry of one: the whole other input as JSON")
		.addHelpText("after", example("muster dead retry --code E_TIMEOUT"))
		.action(lazy(() => import("./commands/dead.ts")));

	program
		.command("pause")
		.description("let nothing of a scope start any more, also after a restart; what runs goes on")
		.argument("[scope]", "all (default), type:TYPE, workflow:NAME or run:ID")
		.option("--reason <text>", "why, for whoever asks what waits")
		.addHelpText("after", example('muster pause type:research --reason "the source is down"'))
		.action(lazy(() => import("./commands/pause.ts")));

	program
		.command("resume")
		.description("end a pause of the same scope")
		.argument("[scope]", "all (default), type:TYPE, workflow:NAME or run:ID")
		.addHelpText("after", example("muster resume type:research"))
		.action(lazy(() => import("./commands/resume.ts")));

	program
		.command("drain")
		.description("pause everything and wait until nothing runs")
		.addHelpText("after", example("muster drain --timeout 5m"))
		.action(lazy(() => import("./commands/drain.ts")));

	program
		.command("approvals")
		.description("what people are asked by runs and skills, and their answers")
		.addArgument(
			new Argument("[action]", "list (default), show, approve or deny").choices(["list", "show", "approve", "deny"]),
		)
		.argument("[ids...]", "which: ids, or the beginnings of ids that no other begins with")
		.option("--all", "approve or deny: everything that is asked")
		.option("--label <key=value>", "only what has this label; again for each", collect)
		.option("--by <name>", "who answers, for the record")
		.option("--comment <text>", "why, for the record")
		.addHelpText("after", example("muster approvals approve --label risk=low --by Ann"))
		.action(lazy(() => import("./commands/approvals.ts")));

	program
		.command("signal")
		.description("tell a run what one of its steps waits for")
		.argument("<run>", "the id of the run, or the beginning of it")
		.argument("<name>", "the name of the signal")
		.option("-i, --input <key=value>", "a member of its data; JSON where it is JSON, else text", collect)
		.option("--input-json <json>", "its whole data as JSON")
		.addHelpText("after", example("muster signal run_1m8646zsq07sv25x press-ready -i number=7"))
		.action(lazy(() => import("./commands/signal.ts")));

	program
		.command("send")
		.description("send an event: it ends the waits for it and starts the enabled workflows that it triggers")
		.argument("<type>", "the type of the event, for example order.paid")
		.option("-i, --input <key=value>", "a member of its data; JSON where it is JSON, else text", collect)
		.option("--input-json <json>", "its whole data as JSON")
		.option("--data-file <file>", "its whole data, as JSON in a file")
		.option("--id <id>", "an id of your own: however often it is sent, it starts each of its runs once")
		.option("--source <text>", "where it comes from")
		.addHelpText("after", example("muster send order.paid -i order=4711 --id paid-4711"))
		.action(lazy(() => import("./commands/send.ts")));

	program
		.command("token")
		.description("tokens for others than the owner, each with a role; what is revoked counts no more at once")
		.addArgument(new Argument("[action]", "list (default), create or revoke").choices(["list", "create", "revoke"]))
		.argument("[name]", "create, revoke: its name")
		.addOption(
			new Option("--role <role>", "create: viewer reads, operator also changes, admin also gives and takes tokens")
				.choices(["viewer", "operator", "admin"])
				.default("viewer"),
		)
		.option("--expires <duration>", "create: how long it counts, for example 30d (default: until it is revoked)")
		.addHelpText("after", example("muster token create dashboard --role viewer --expires 30d"))
		.action(lazy(() => import("./commands/token.ts")));

	program
		.command("audit")
		.description("who changed what over HTTP, the newest last")
		.option("--limit <number>", "most lines", whole(1, 10_000), 50)
		.addHelpText("after", example("muster audit --limit 200"))
		.action(lazy(() => import("./commands/audit.ts")));

	program
		.command("doctor")
		.description("check this machine, the data folder and the workflows; each check is ok or says what to do")
		.addHelpText("after", example("muster doctor"))
		.action(lazy(() => import("./commands/doctor.ts")));

	program
		.command("verify")
		.description("compute every printed total again from the journal, and check chain, snapshots and views against it")
		.argument("[folder]", "a data folder or a backup (default: the data folder)")
		.addHelpText("after", example("muster verify --json"))
		.action(lazy(() => import("./commands/verify.ts")));

	program
		.command("backup")
		.description("a verified copy of the data folder as it is at one moment, also while a server works on it")
		.argument("<dir>", "folder for the copy; it must not be there yet")
		.option("--with-token", "with the token: whoever has the copy may then do everything")
		.addHelpText("after", example("muster backup backups/monday"))
		.action(lazy(() => import("./commands/backup.ts")));

	program
		.command("restore")
		.description("make the data folder out of a backup; it must not be there yet, or be empty")
		.argument("<dir>", "the backup")
		.addHelpText("after", example("muster restore backups/monday --data data-again"))
		.action(lazy(() => import("./commands/restore.ts")));

	return program;
}

/** Thrown to leave the parser once the version is printed. */
export class VersionShown extends Error {}

const STOP_TEXT = `
SIGTERM or ^C: it takes nothing new and gives what runs the grace to end. What does not is offered again at the
next start, so nothing is lost and the exit code is 0. A second one ends the grace at once, just as safely.
From elsewhere: muster down. A SIGTERM to npx or to npm start does not arrive here: npm gives it to the shell that it
runs commands in, and the shell ends without passing it on.`;

const DOWN_TEXT = `
Like SIGTERM to the server itself, however it was started. --timeout is how long to wait (default: 30s); the server
goes on stopping when that is over.`;

const RUN_TEXT = `
Uses the server of the data folder when one runs, and works by itself when none does.
Files of the same name in the folder given with --out are replaced. The first ^C cancels the run and waits for that,
the second leaves at once.`;

const example = (command: string, more = ""): string => `\nExample:\n  ${command}${more === "" ? "" : `\n${more}`}`;

export const exitCodesText = (): string =>
	["Exit codes:", ...exitCodes.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`)].join("\n");

const collect = (value: string, before: string[] = []): string[] => [...before, value];

function whole(least: number, most: number): (text: string) => number {
	return (text) => {
		const value = Number(text);
		if (/^\d+$/.test(text) && value >= least && value <= most) return value;
		throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
	};
}
