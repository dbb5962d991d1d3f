import assert from "node:assert/strict";
import { test } from "node:test";
import { startTest, temporaryFolder } from "../../test/fixture.ts";
import { defineSkill } from "../index.ts";
import { StoredReader } from "./stored-reader.ts";

test("a folder at rest tells the same pause of a task as the process did, also of one that a step delegated", async (t) => {
	const dataDir = temporaryFolder(t);
	const began = Promise.withResolvers<void>();
	const skill = defineSkill({
		...{ name: "held", description: "Runs until it is aborted." },
		run(_, { signal }) {
			began.resolve();
			return new Promise<null>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
		},
	});
	const muster = await startTest(t, { dataDir, skills: [skill], workers: 1 });
	const tasks = [{ type: "held" }, { type: "held" }];
	const steps = [{ id: "all", skill: "coordinate", needs: [], with: { tasks } }];
	const run = await muster.startRun({ name: "delegates", inputs: {}, outputs: {}, steps });
	await began.promise;
	const child = muster.tasks().items.find(({ type, state }) => type === "held" && state === "ready")?.id ?? "";
	for (const scope of [`run:${run}`, "workflow:delegates", "type:held"]) await muster.pause(scope);
	const told = muster.task(child).waiting;
	assert.deepEqual([told?.reason, told?.scope], ["paused", "type:held"]);
	await muster.resume("type:held");
	const above = muster.task(child).waiting;
	assert.deepEqual([above?.reason, above?.scope], ["paused", "workflow:delegates"]);
	await muster.shutdown({ grace: 0 });
	const stored = await StoredReader.open(dataDir, undefined);
	const { waiting } = await stored.task(child);
	assert.deepEqual(waiting, { ...above, text: `${above?.text}; nothing works on this folder before: muster up` });
	await stored.close();
});
