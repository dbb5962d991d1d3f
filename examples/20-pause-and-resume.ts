/** The kill switch: nothing of a scope starts until it is resumed, also after a restart; and a drain before a stop. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, startOrchestrator } from "../src/index.ts";

const skill = (name: string) =>
	defineSkill<string, string>({ name, description: "Says what it was given.", run: (text) => `${name}: ${text}` });
const skills = [skill("send"), skill("draft")];

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const before = await startOrchestrator({ dataDir, skills });
await before.pause({ type: "send" }, { reason: "the mail server is down" });
const [send, draft] = (await before.submitMany([
	{ type: "send", input: "hello" },
	{ type: "draft", input: "hello" },
])) as [string, string];
// Other types go on.
console.log((await before.wait(draft, { timeout: "10s" })).output);
const { reason, text = "" } = before.task(send).waiting ?? {};
console.log(reason, text.includes("the mail server is down"));
await before.shutdown();

const after = await startOrchestrator({ dataDir, skills });
console.log("after a restart:", after.task(send).state, after.status().paused[0]?.scope);
await after.resume("type:send");
console.log((await after.wait(send, { timeout: "10s" })).output);

// Pauses everything, and resolves when nothing runs any more.
await after.drain({ timeout: "10s" });
const later = await after.submit({ type: "draft", input: "later" });
console.log("drained:", after.task(later).state, after.status().taskQueue.running);
await after.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
draft: hello
paused true
after a restart: ready type:send
send: hello
drained: ready 0
*/
