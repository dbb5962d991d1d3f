// A client of the HTTP API in TypeScript: its types are generated from /openapi.json (openapi-typescript), so that a wrong
// path, a missing member or a forgotten error is found by the compiler. Here against a server of its own.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import createClient from "openapi-fetch";
import { soleOwner } from "../src/access/access.ts";
import { systemClock } from "../src/clock.ts";
import { defineSkill, startOrchestrator } from "../src/index.ts";
import { silentLog } from "../src/log.ts";
import { listen } from "../src/server/server.ts";
import type { components, paths } from "./generated/http-api.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-example-"));
const token = randomBytes(32).toString("hex");
const double = defineSkill<number, number>({ name: "double", description: "Doubles.", run: (n) => n * 2 });

// In real life: muster up, its address, and the content of data/token.
const server = await listen({ port: 0, access: soleOwner(token, systemClock), log: silentLog });
const orchestrator = await startOrchestrator({ dataDir: folder, workflows: [], skills: [double], log: silentLog });
server.ready(orchestrator);

const client = createClient<paths>({ baseUrl: server.url, headers: { authorization: `Bearer ${token}` } });

// One task, waited for: 200 with the result. The same key again is the same task.
const submit = () =>
	client.POST("/v1/tasks", {
		params: { header: { prefer: "wait=20", "idempotency-key": "order-17" } },
		body: { type: "double", input: 21 },
	});
const first = await submit();
const again = await submit();
console.log(first.response.status, first.data?.state, first.data?.output);
console.log("replayed:", again.response.headers.get("idempotency-replayed"), again.data?.id === first.data?.id);

// Several at once, then page by page.
await client.POST("/v1/tasks:batch", { body: [1, 2, 3, 4].map((input) => ({ type: "double", input })) });
const ids = new Set<string>();
let cursor: string | undefined;
do {
	const query = { type: "double", limit: 2, ...(cursor !== undefined && { cursor }) };
	const { data } = await client.GET("/v1/tasks", { params: { query } });
	for (const task of data?.items ?? []) ids.add(task.id);
	cursor = data?.nextCursor;
} while (cursor !== undefined);
console.log("listed:", ids.size);

// Errors have a type too, and a code that does not change.
const { error } = await client.GET("/v1/tasks/{id}", { params: { path: { id: "tsk_none" } } });
const problem: components["schemas"]["Problem"] | undefined = error;
console.log(problem?.status, problem?.code);

await orchestrator.shutdown();
await server.close();
rmSync(folder, { recursive: true, force: true });

/* Output:
200 completed 42
replayed: true true
listed: 5
404 E_TASK_UNKNOWN
*/
