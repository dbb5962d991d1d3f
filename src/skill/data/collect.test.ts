import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import fc from "fast-check";
import { createHarness, type Harness, runSkill } from "../../../test/skill-harness.ts";
import { type CollectOutput, collect } from "./collect.ts";
import { decodeTable } from "./table.ts";

const folder = mkdtempSync(join(tmpdir(), "muster-collect-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(content: string | Uint8Array, extension = "csv"): string {
	const path = join(folder, `${++files}.${extension}`);
	writeFileSync(path, content);
	return path;
}

async function read(input: Record<string, unknown>, harness: Harness = createHarness()) {
	const output = (await runSkill(collect, input, harness)) as unknown as CollectOutput;
	const { columns } = decodeTable(await harness.artifacts.read(output.table));
	return { output, values: columns.map(({ values }) => values), names: columns.map(({ name }) => name) };
}

const csv = (content: string | Uint8Array, more = {}) => read({ source: file(content), ...more });

test("the sample is read whole, with types and the given units", async () => {
	const units = { precipitation: "mm", wind: "m/s" };
	const { output } = await read({ source: "samples/data/seattle-weather.csv", units });
	assert.equal(output.rowCount, 1_461);
	assert.equal(output.format, "csv");
	assert.deepEqual(
		output.columns.map(({ name, type, unit, missing }) => [name, type, unit, missing]),
		[
			["date", "date", null, 0],
			["precipitation", "number", "mm", 0],
			["temp_max", "number", null, 0],
			["temp_min", "number", null, 0],
			["wind", "number", "m/s", 0],
			["weather", "string", null, 0],
		],
	);
});

test("a byte order mark, CRLF and line ends inside quotes are handled", async () => {
	const { names, values } = await csv('\ufeffname,text\r\na,"one\r\ntwo, ""three"""\r\nb,\r\n');
	assert.deepEqual(names, ["name", "text"]);
	assert.deepEqual(values, [
		["a", "b"],
		['one\r\ntwo, "three"', null],
	]);
});

test("ragged rows are rejected with the line they start on, and the others are kept", async () => {
	const { output, values } = await csv('a,b\n1,"x\ny"\n2\n3,z\n\n4,5,6\n');
	assert.deepEqual(output.rejected, [
		{ line: 4, reason: "has 1 fields where the header has 2" },
		{ line: 7, reason: "has 3 fields where the header has 2" },
	]);
	assert.deepEqual(values, [
		[1, 3],
		["x\ny", "z"],
	]);
});

test("only the first twenty rejected rows are listed, and all are counted", async () => {
	const { output } = await csv(`a,b\n${"1\n".repeat(50)}`);
	assert.equal(output.rejected.length, 20);
	assert.equal(output.rejectedCount, 50);
	assert.equal(output.rowCount, 0);
});

test("a quote that is never closed rejects the rest and says so", async () => {
	const { output, values } = await csv('a,b\n1,2\n3,"open\n5,6\n');
	assert.deepEqual(values, [[1], [2]]);
	assert.equal(output.rejectedCount, 1);
	assert.match(output.rejected[0]?.reason ?? "", /never closed; the rest of the file/);
	assert.equal(output.rejected[0]?.line, 3);
});

test("empty and repeated header names are made unique, and the notes say it", async () => {
	const { names, output } = await csv("a,,a,a_2,a\n1,2,3,4,5\n");
	assert.deepEqual(names, ["a", "column_2", "a_3", "a_2", "a_4"]);
	assert.equal(output.notes.length, 3);
});

test("a column called __proto__ is a column like any other", async () => {
	const { names, values } = await csv("__proto__,constructor\n1,2\n", { units: { a: "m" } });
	assert.deepEqual(
		[names, values],
		[
			["__proto__", "constructor"],
			[[1], [2]],
		],
	);
	const json = await read({ source: file('[{"__proto__": 5, "b": 1}]', "json") });
	assert.deepEqual(
		[json.names, json.values],
		[
			["__proto__", "b"],
			[[5], [1]],
		],
	);
	assert.equal(({} as { b?: number }).b, undefined);
});

test("a header alone is a table without rows, and an empty file is refused", async () => {
	const { output } = await csv("a,b\n");
	assert.equal(output.rowCount, 0);
	await assert.rejects(csv(""), { code: "E_INPUT_INVALID" });
	await assert.rejects(csv("\n\n"), { code: "E_INPUT_INVALID" });
});

test("ten thousand columns are refused", async () => {
	const header = Array.from({ length: 10_000 }, (_, index) => `c${index}`).join(",");
	await assert.rejects(csv(`${header}\n`), { code: "E_INPUT_TOO_LARGE" });
	const record = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`c${index}`, 1]));
	await assert.rejects(read({ source: file(JSON.stringify([record]), "json") }), { code: "E_INPUT_TOO_LARGE" });
});

test("a field above one mebibyte rejects its row", async () => {
	const { output, values } = await csv(`a\n${"x".repeat(1024 * 1024 + 1)}\nok\n`);
	assert.deepEqual(output.rejected, [{ line: 2, reason: 'the value of "a" is longer than 1 MiB' }]);
	assert.deepEqual(values, [["ok"]]);
});

test("rows beyond maxRows are not read, and the output says so", async () => {
	const { output, values } = await csv("a\n1\n2\n3\n", { maxRows: 2 });
	assert.deepEqual([output.rowCount, output.truncated, values], [2, true, [[1, 2]]]);
	assert.match(output.notes[0] ?? "", /Only the first 2 rows/);
	const exact = await csv("a\n1\n2\n", { maxRows: 2 });
	assert.equal(exact.output.truncated, false);
});

test("another separator is found in the first line, and named", async () => {
	const { names, output } = await csv('"a,b";c\n1;2\n');
	assert.deepEqual(names, ["a,b", "c"]);
	assert.match(output.notes[0] ?? "", /separated by ";"/);
	assert.deepEqual((await csv("a|b,c\n1|2\n", { delimiter: "|" })).names, ["a", "b,c"]);
});

test("bytes that are not UTF-8 are read as Windows-1252, and UTF-16 by its mark", async () => {
	const { values, output } = await csv(Buffer.from("a\ncaf\u00e9\n", "latin1"));
	assert.deepEqual(values, [["café"]]);
	assert.match(output.notes[0] ?? "", /windows-1252/);
	assert.deepEqual((await csv(Buffer.from("\ufeffa\ncafé\n", "utf16le"))).values, [["café"]]);
});

test("what is written as CSV is read back, cell by cell", async () => {
	const text = fc.string({ unit: fc.constantFrom("a", "é", '"', ",", "\n", "\r\n", ";", " ") }).map((s) => `x${s}`);
	const rows = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 6 });
	const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
	await fc.assert(
		fc.asyncProperty(rows, async (cells) => {
			const { values, output } = await csv(`a,b\n${cells.map((row) => row.map(quoted).join(",")).join("\n")}\n`);
			assert.deepEqual(values, [cells.map(([a]) => a), cells.map(([, b]) => b)]);
			assert.equal(output.rejectedCount, 0);
		}),
		{ numRuns: 60 },
	);
});

test("a list of objects in JSON becomes columns, nested values become JSON text", async () => {
	const { names, values, output } = await read({
		source: file('{"data":[{"a":1,"n":{"x":[1]}},7,{"b":true}]}', "json"),
	});
	assert.deepEqual(names, ["a", "n", "b"]);
	assert.deepEqual(values, [
		[1, null],
		['{"x":[1]}', null],
		[null, true],
	]);
	assert.deepEqual(output.rejected, [{ line: 2, reason: "is not an object" }]);
});

test("JSON that is broken, or holds no list, is refused", async () => {
	for (const text of ["{", '{"a":1}', "5", "null", ""]) {
		await assert.rejects(read({ source: file(text, "json") }), { code: "E_INPUT_INVALID" }, text);
	}
});

test("a broken line of JSON lines is rejected alone", async () => {
	const { values, output } = await read({ source: file('{"a":1}\r\n\n{broken\n[1]\n{"a":2}', "ndjson") });
	assert.deepEqual(values, [[1, 2]]);
	assert.deepEqual(output.rejected, [
		{ line: 3, reason: "is not JSON" },
		{ line: 4, reason: "is not an object" },
	]);
});

function database(): string {
	const path = join(folder, `${++files}.db`);
	using made = new DatabaseSync(path);
	made.exec("CREATE TABLE t (id INTEGER, name TEXT, big INTEGER, raw BLOB)");
	made.exec("INSERT INTO t VALUES (1, 'one', 9007199254740993, x'0102'), (2, NULL, 5, NULL)");
	return path;
}

test("the only table of a database is read, with integers that exceed a number kept as text", async () => {
	const { values } = await read({ source: database() });
	assert.deepEqual(values, [
		[1, 2],
		["one", null],
		["9007199254740993", "5"],
		["(2 bytes of binary data)", null],
	]);
});

test("a single SELECT is answered", async () => {
	const query = "WITH big AS (SELECT id AS n FROM t WHERE name <> ';') SELECT n, n * 2 AS n FROM big; -- done";
	const { names, values } = await read({ source: database(), query });
	assert.deepEqual(
		[names, values],
		[
			["n", "n_2"],
			[[1], [2]],
		],
	);
});

test("statements that write, attach, or come in twos are refused, and nothing changes", async () => {
	const source = database();
	const other = join(folder, "attached.db");
	for (const query of [
		"DELETE FROM t",
		"WITH x AS (SELECT 1) DELETE FROM t",
		"SELECT 1; DELETE FROM t",
		"SELECT 1 /* ; */ ; DROP TABLE t",
		`ATTACH '${other}' AS other`,
		"PRAGMA user_version = 3",
		"SELECT * FROM pragma_table_list",
		"SELECT load_extension('x')",
		"EXPLAIN SELECT 1",
		"SELECT nothing FROM t",
	]) {
		await assert.rejects(read({ source, query }), { code: "E_INPUT_INVALID" }, query);
	}
	assert.equal((await read({ source })).output.rowCount, 2);
});

test("a table that does not exist is refused with the names of those that do", async () => {
	const odd = { source: database(), table: 't"; DROP TABLE t; --' };
	await assert.rejects(read(odd), { code: "E_INPUT_INVALID", message: /The database has: t$/ });
	await assert.rejects(read({ source: file("no database", "db") }), { code: "E_INPUT_INVALID" });
});

test("a file that is missing, or a folder, cannot be read", async () => {
	for (const source of [join(folder, "none.csv"), join(folder, "none.db"), folder]) {
		await assert.rejects(read({ source, format: "csv" }), { code: "E_FILE_UNREADABLE" }, source);
	}
	await assert.rejects(read({ source: join(folder, "none.db") }), { code: "E_FILE_UNREADABLE" });
	await assert.rejects(read({ source: "/dev/zero", format: "csv" }), { code: "E_FILE_UNREADABLE" });
});

test("an unknown format or another kind of address is refused with what to do", async () => {
	await assert.rejects(read({ source: file("a\n1\n", "bin") }), { code: "E_INPUT_INVALID", hint: /Say which/ });
	await assert.rejects(read({ source: "ftp://example.com/a.csv" }), { code: "E_INPUT_INVALID" });
	await assert.rejects(runSkill(collect, { source: "a.csv", other: 1 }), { name: "ZodError" });
});

test("a cancelled task stops reading", async () => {
	const harness = createHarness();
	harness.abort(new Error("cancelled by a person"));
	await assert.rejects(read({ source: file("a\n1\n") }, harness), /cancelled by a person|abort/i);
});

test("a web address is read, its type decides the format, and a password in it is not shown", async () => {
	const server = createServer((request, response) => {
		const json = request.url?.startsWith("/json") === true;
		response.setHeader("content-type", json ? "application/json; charset=utf-8" : "text/csv");
		response.end(json ? '[{"a":1}]' : "a\n1\n");
	});
	await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
	const { port } = server.address() as AddressInfo;
	try {
		const csv = await read({ source: `http://user:secret@127.0.0.1:${port}/table` });
		assert.deepEqual([csv.output.format, csv.values], ["csv", [[1]]]);
		assert.equal(csv.output.source, `http://127.0.0.1:${port}/table`);
		assert.equal((await read({ source: `http://127.0.0.1:${port}/json` })).output.format, "json");
	} finally {
		server.close();
	}
});
