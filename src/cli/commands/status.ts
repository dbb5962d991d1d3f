/** `muster status`: the fleet and the queue on a few lines. */
import { formatMs } from "../../duration.ts";
import type { Status } from "../../orchestrator/status.ts";
import { openReader, type StatusView } from "../connection.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { stateStyle, Terminal } from "../terminal.ts";

export async function run(_: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const reader = await openReader(options);
	try {
		const status = await reader.status();
		if (options.json) terminal.json(status);
		else print(terminal, status, reader.url);
		if (reader.remark !== undefined) terminal.hint(reader.remark);
		return 0;
	} finally {
		await reader.close();
	}
}

function print(terminal: Terminal, status: StatusView, url: string | undefined): void {
	const { orchestrator, taskQueue: queue, components } = status;
	const line = (name: string, text: string): void => terminal.print(`${terminal.paint("dim", name.padEnd(10))}${text}`);
	const style = orchestrator === "running" ? "green" : (stateStyle(orchestrator) ?? "yellow");
	const process = status.pid === undefined ? "" : `, process ${status.pid}`;
	const up = "uptimeMs" in status ? `, up ${formatMs(status.uptimeMs)}` : "";
	line("muster", `${terminal.paint(style, orchestrator)}${process}${up}`);
	if (url !== undefined) line("url", url);
	line("data", `${status.dataDir}${"durability" in status ? `, durability ${status.durability}` : ""}`);
	if ("agents" in status) line("agents", agentsText(status));
	// Without a process nothing runs: these were cut off.
	const running = orchestrator === "stopped" ? "cut off" : "running";
	line("tasks", `${queue.running} ${running}, ${queue.pending} pending${pendingText(queue)}`);
	const rate = queue.successRate === null ? "" : `, ${(queue.successRate * 100).toFixed(1)} % success`;
	line(
		"",
		`${queue.completed} completed, ${queue.failed} failed, ${queue.cancelled} cancelled, ${queue.skipped} skipped${rate}`,
	);
	if (queue.retried + queue.reoffered > 0)
		line("", `${queue.retried} retries, ${queue.reoffered} attempts cut off and offered again`);
	line("runs", `${status.runs.running} running`);
	for (const { scope, since, reason } of status.paused) {
		const text = plain(`${scope} since ${since}${reason === undefined ? "" : `: ${reason}`}`);
		line("paused", terminal.paint("yellow", text));
	}
	line("journal", `${components.journal.state}, ${components.journal.lastEvent} events`);
	if ("agents" in status) line("process", processText(status));
}

function pendingText({ blocked, scheduled, ready, waiting }: StatusView["taskQueue"]): string {
	const parts = Object.entries({ ready, blocked, scheduled, waiting }).filter(([, count]) => count > 0);
	return parts.length === 0 ? "" : ` (${parts.map(([name, count]) => `${count} ${name}`).join(", ")})`;
}

function agentsText({ agents, totalAgents, workerAgents, coordinatorAgents, specializedAgents }: Status): string {
	const kinds = Object.entries({
		workers: workerAgents,
		coordinators: coordinatorAgents,
		specialized: specializedAgents,
	})
		.filter(([, count]) => count > 0)
		.map(([name, count]) => `${count} ${name}`);
	const states = Object.entries(agents)
		.filter(([, count]) => count > 0)
		.map(([name, count]) => `${count} ${name}`);
	return `${totalAgents}${kinds.length > 0 ? ` (${kinds.join(", ")})` : ""}: ${states.join(", ") || "none"}`;
}

function processText({ components: { memory, threads, eventLoop, views } }: Status): string {
	const lag = views.lagTasks > 0 ? `, views ${views.lagTasks} tasks behind` : "";
	const loop = `event loop ${eventLoop.p99Ms} ms late at p99`;
	return `${Math.round(memory.rssBytes / 2 ** 20)} MiB, ${threads.live} of ${threads.most} threads, ${loop}${lag}`;
}
