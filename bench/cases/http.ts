/**
 * Submits over HTTP from another process, one task a request and 1,000 a request, each acknowledged when it and its line of the audit are on disk. No agent
 * does them. Beside it in the same run the floor: hono on the same adapter, that reads the body and answers.
 */
import { execFile } from "node:child_process";
import type { Server as NodeServer } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { openAccess } from "../../src/access/access.ts";
import { readToken } from "../../src/access/owner-token.ts";
import { systemClock } from "../../src/clock.ts";
import { startOrchestrator } from "../../src/index.ts";
import { silentLog } from "../../src/log.ts";
import { listen } from "../../src/server/server.ts";
import { folder, noop, report } from "../case.ts";

const SECONDS = 4;
const LOAD = new URL("../http-load.ts", import.meta.url).pathname;

interface Load {
	rate: number;
	p50: number;
	p99: number;
}

async function load(port: number, token: string, tasks: number, connections: number): Promise<Load> {
	const options = [LOAD, port, token, tasks, connections, SECONDS].map(String);
	return JSON.parse((await promisify(execFile)(process.execPath, options)).stdout) as Load;
}

const data = folder();
const access = openAccess({ folder: data.path, durable: true, clock: systemClock, log: silentLog });
const token = readToken(data.path) as string;
const server = await listen({ port: 0, access, log: silentLog });
const settings = {
	dataDir: data.path,
	skills: [noop],
	workflows: [],
	workers: 0,
	coordinators: 0,
	maxTasks: 10_000_000,
};
const orchestrator = await startOrchestrator({ ...settings, log: silentLog });
server.ready(orchestrator);
const port = Number(new URL(server.url).port);
const single = await load(port, token, 1, 64);
const batch = await load(port, token, 1_000, 4);
await orchestrator.shutdown({ grace: 0 });
await server.close();
data.remove();

const bare = new Hono();
bare.post("/v1/*", async (context) => {
	await context.req.json();
	return context.json({ id: "none" }, 201);
});
const floor = createAdaptorServer({ fetch: bare.fetch }) as NodeServer;
await new Promise<void>((resolve) => void floor.listen(0, "127.0.0.1", resolve));
const { port: bound } = floor.address() as AddressInfo;
const nothing = await load(bound, token, 1, 64);
const nothingBatch = await load(bound, token, 1_000, 4);
floor.closeAllConnections();
floor.close();

report([
	{ name: "HTTP submits, one task a request", value: single.rate, unit: "tasks/s", goal: { atLeast: 3_000 } },
	{ name: "HTTP submits, one task a request, p99", value: single.p99, unit: "ms" },
	{ name: "HTTP submits, 1,000 tasks a request", value: batch.rate, unit: "tasks/s", goal: { atLeast: 30_000 } },
	{ name: "HTTP submits, 1,000 tasks a request, p50", value: batch.p50, unit: "ms" },
	{ name: "hono that does nothing, one task a request", value: nothing.rate, unit: "tasks/s" },
	{ name: "hono that does nothing, 1,000 tasks a request", value: nothingBatch.rate, unit: "tasks/s" },
]);
