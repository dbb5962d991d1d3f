import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { temporaryFolder } from "../../test/fixture.ts";
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import type { RunView, TaskView } from "../orchestrator/view.ts";
import type { Reader } from "./connection.ts";
import { exportArtifacts, namedArtifacts } from "./export.ts";
import { findById } from "./ids.ts";
import { LogFile } from "./log-file.ts";
import { fit, pad, plain, width } from "./plain.ts";
import { readPairs, readValue } from "./values.ts";

const artifact = (name: string, digit = "0"): { [key: string]: Json } => ({
	...{ ref: `sha256:${digit.repeat(64)}`, size: 1, mediaType: "text/plain", name },
});

describe("files of a run", () => {
	test("artifacts are found anywhere, each once, under names that differ on every file system", () => {
		const found = namedArtifacts({
			a: artifact("Report.md", "1"),
			b: { deep: [artifact("report.md", "2"), artifact("Report.md", "1"), { x: artifact("report.md", "3") }] },
			c: "text",
		});
		assert.deepEqual(
			found.map(({ output, name }) => [output, name]),
			[
				["a", "Report.md"],
				["b.deep[0]", "report-2.md"],
				["b.deep[2].x", "report-3.md"],
			],
		);
	});

	test("no name leads out of the folder", async (t) => {
		const folder = join(temporaryFolder(t), "out");
		const names = ["../../x", "/etc/passwd", "..", ".", "", "a/../../b", "C:\\x", "x\0y", "con\n"];
		const outputs = { files: names.map((name, i) => artifact(name, String(i))) };
		const files = await exportArtifacts(outputs, folder, async () => Buffer.from("x"));
		assert.equal(readdirSync(folder).length, names.length);
		for (const { path } of files) assert.equal(join(path, ".."), folder);
	});
});

describe("ids", () => {
	const known = { runs: ["run_aa1", "run_ab1"], tasks: ["tsk_aa1", "tsk_ab1", "run_aa1.write", "run_aa1.edit"] };
	const only = (ids: string[], code: "E_RUN_UNKNOWN" | "E_TASK_UNKNOWN") => async (id: string) => {
		if (ids.includes(id)) return { id };
		throw new MusterError(code, "none");
	};
	const reader = {
		run: only(known.runs, "E_RUN_UNKNOWN"),
		task: only(known.tasks, "E_TASK_UNKNOWN"),
		runs: async () => ({ items: known.runs.map((id) => ({ id }) as RunView) }),
		tasks: async () => ({ items: known.tasks.map((id) => ({ id }) as TaskView) }),
	} as unknown as Reader;
	const idOf = async (given: string): Promise<string> => {
		const found = await findById(reader, given);
		return "run" in found ? found.run.id : found.task.id;
	};

	test("a whole id, or a beginning that only one has; a run goes before its own tasks", async () => {
		assert.equal(await idOf("tsk_aa1"), "tsk_aa1");
		assert.equal(await idOf("tsk_ab"), "tsk_ab1");
		assert.equal(await idOf("run_aa"), "run_aa1");
		assert.equal(await idOf("run_aa1.w"), "run_aa1.write");
	});

	test("a beginning of several is refused with examples, one of none is unknown", async () => {
		await assert.rejects(idOf("tsk_"), { code: "E_USAGE", hint: /tsk_aa1, tsk_ab1/ });
		await assert.rejects(idOf("run_"), { code: "E_USAGE" });
		await assert.rejects(idOf("nothing"), { code: "E_TASK_UNKNOWN" });
	});
});

describe("values", () => {
	test("pairs keep what follows the first equals sign, and name no prototype", () => {
		assert.deepEqual(readPairs(["a=1", "b=x=y", "c="]), { a: "1", b: "x=y", c: "" });
		assert.throws(() => readPairs(["a"]), { code: "E_USAGE" });
		assert.throws(() => readPairs(["=a"]), { code: "E_USAGE" });
		assert.throws(() => readPairs(["a=1", "a=2"]), { code: "E_USAGE" });
		assert.equal(Object.getPrototypeOf(readPairs(["__proto__=x"])), Object.prototype);
	});

	test("JSON is read as JSON and anything else is text", () => {
		const texts = ["1", "true", "null", '["a"]', '{"a":1}', '"1"', "text", "1.2.3", ""];
		assert.deepEqual(texts.map(readValue), [1, true, null, ["a"], { a: 1 }, "1", "text", "1.2.3", ""]);
	});
});

test("text is measured in columns and cut to them", () => {
	assert.equal(width("aä日本e\u0301🙂"), 1 + 1 + 2 + 2 + 1 + 2);
	assert.equal(fit("日本語", 5), "日本…");
	assert.equal(fit("abc", 3), "abc");
	assert.equal(fit("abcd", 3), "ab…");
	assert.equal(pad("日", 4), "日  ");
	assert.equal(plain("a\u001b[31mb\nc", true), "a\\u001b[31mb\nc");
});

test("the log has one JSON object a line, with the fields of its child", async (t) => {
	const folder = temporaryFolder(t);
	const log = await LogFile.open(folder);
	log.child({ agent: "worker-1" }).warn("late", { task: "tsk_1" });
	log.close();
	const line = JSON.parse(readFileSync(join(folder, "muster.log"), "utf8"));
	assert.deepEqual([line.level, line.agent, line.task, line.msg], [40, "worker-1", "tsk_1", "late"]);
	await assert.rejects(LogFile.open(join(folder, "none")), { code: "E_DATA_FOLDER" });
});
