/** `muster up`: an orchestrator with its HTTP API, until a signal ends it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Access, openAccess } from "../../access/access.ts";
import { systemClock } from "../../clock.ts";
import { readSettings, type SettingsInput } from "../../config.ts";
import { toMs } from "../../duration.ts";
import { hasCode, toErrorData } from "../../errors.ts";
import { lockFolder, makeFolder } from "../../journal/lock.ts";
import { startOrchestrator } from "../../main.ts";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import { readTls } from "../../server/place.ts";
import { listen, type Server } from "../../server/server.ts";
import { dataFolder } from "../connection.ts";
import { keepHeapSmall } from "../heap.ts";
import { LogFile } from "../log-file.ts";
import type { GlobalOptions } from "../program.ts";
import { reportError } from "../report-error.ts";
import { Terminal } from "../terminal.ts";

interface UpOptions extends GlobalOptions {
	port: number;
	host: string;
	allowHost?: string[];
	tlsCert?: string;
	tlsKey?: string;
	agents?: number;
	workers?: number;
	coordinators?: number;
	durability: "full" | "normal";
	grace: string;
}

/** How often it looks whether the journal still works; without one there is nothing left to serve. */
const LOOK_MS = 1_000;

export async function run(_: string[], options: UpOptions): Promise<number> {
	const terminal = new Terminal(options);
	const settings = settingsOf(options);
	const graceMs = toMs(options.grace, "--grace");
	const { dataDir } = readSettings(settings); // before anything is made: a wrong setting leaves nothing behind
	keepHeapSmall();
	makeFolder(dataDir);
	const log = await LogFile.open(dataDir);
	process.on("uncaughtExceptionMonitor", (error) => {
		log.error("an exception ended the process", { error: error.stack ?? String(error) });
		log.close();
	});
	const signals = listenForSignals();
	try {
		const access = openAccess({ folder: dataDir, durable: options.durability === "full", clock: systemClock, log });
		const server = await listenOrSayWhoDoes(dataDir, options, access, log);
		try {
			const orchestrator = await startOrchestrator({ ...settings, log });
			await access.audit.ready();
			server.ready(orchestrator);
			orchestrator.announce(server.url);
			printStart(terminal, options, orchestrator, server);
			log.info("started", { url: server.url });
			return await untilStopped(terminal, orchestrator, server, signals, graceMs);
		} finally {
			await server.close();
		}
	} finally {
		log.info("stopped");
		log.close();
		signals.forget();
	}
}

function settingsOf(options: UpOptions): SettingsInput {
	const { agents, workers, coordinators, durability } = options;
	return {
		dataDir: dataFolder(options),
		durability,
		...(agents !== undefined && { agents }),
		...(workers !== undefined && { workers }),
		...(coordinators !== undefined && { coordinators }),
	};
}

/** The server listens first, so that whoever looks is told it is starting; but a folder in use counts before a port. */
async function listenOrSayWhoDoes(
	dataDir: string,
	{ host, port, allowHost = [], tlsCert, tlsKey }: UpOptions,
	access: Access,
	log: LogFile,
): Promise<Server> {
	try {
		return await listen({ host, port, allowHosts: allowHost, tls: readTls(tlsCert, tlsKey), access, log });
	} catch (error) {
		if (hasCode(error, "E_CONFLICT") && existsSync(join(dataDir, "owner.json"))) {
			lockFolder(dataDir, { pid: process.pid, startedAt: new Date(systemClock.now()).toISOString() }).release();
		}
		throw error;
	}
}

function printStart(terminal: Terminal, options: UpOptions, orchestrator: Orchestrator, server: Server): void {
	const { url, publicUrl = url } = server;
	const { totalAgents, workerAgents, coordinatorAgents, dataDir, durability, pid, taskQueue } = orchestrator.status();
	if (options.json)
		terminal.json({ url, ...(publicUrl !== url && { publicUrl }), dataDir, pid, agents: totalAgents, durability });
	else {
		terminal.print(`Muster listens on ${publicUrl}${publicUrl === url ? "" : `, for this machine on ${url}`}`);
		terminal.print(`data    ${dataDir}, durability ${durability}`);
		terminal.print(`agents  ${totalAgents} (${workerAgents} workers, ${coordinatorAgents} coordinators)`);
		const left = taskQueue.pending + taskQueue.running;
		if (left > 0) terminal.print(`tasks   ${left} from before go on`);
	}
	terminal.hint("Stop it with ^C or muster down. In another terminal, run a workflow", "run content-creation");
}

interface Signals {
	/** Calls it for the signals that came already, too. */
	each(hear: (signal: string) => void): void;
	forget(): void;
}

/** From the first moment on: a signal during the start must not kill it in the middle. */
function listenForSignals(): Signals {
	const came: string[] = [];
	let tell = (signal: string): void => void came.push(signal);
	const hear = (signal: string): void => tell(signal);
	process.on("SIGTERM", hear);
	process.on("SIGINT", hear);
	return {
		each(run) {
			tell = run;
			for (const signal of came) run(signal);
		},
		forget() {
			process.off("SIGTERM", hear);
			process.off("SIGINT", hear);
		},
	};
}

async function untilStopped(
	terminal: Terminal,
	orchestrator: Orchestrator,
	server: Server,
	signals: Signals,
	graceMs: number,
): Promise<number> {
	const { promise: left, resolve, reject } = Promise.withResolvers<number>();
	const stop = (): void => {
		server.stopping();
		orchestrator.shutdown({ grace: graceMs }).then(resolve, reject);
	};
	let stopping = false;
	signals.each((signal) => {
		if (stopping) terminal.say("stopping at once");
		else {
			const { running } = orchestrator.status().taskQueue;
			const wait = running > 0 ? `; ${running} running task(s) have ${graceMs / 1_000} s to end` : "";
			terminal.say(`${signal}: stopping${wait}`);
		}
		stopping = true;
		stop(); // a second call ends the grace
	});
	const watch = setInterval(() => {
		if (orchestrator.failure !== undefined) stop();
	}, LOOK_MS);
	const cut = await left.finally(() => clearInterval(watch));
	if (orchestrator.failure !== undefined) {
		terminal.say("the journal failed, so the server stopped; what was acknowledged is stored");
		return reportError(
			hasCode(orchestrator.failure) ? orchestrator.failure : toErrorData(orchestrator.failure, "E_JOURNAL_FAILED"),
		);
	}
	if (cut > 0) terminal.say(`${cut} running task(s) were cut off and go on at the next start`);
	terminal.say("stopped; nothing is lost");
	return 0;
}
