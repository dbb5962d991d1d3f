import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { memoryArtifacts } from "../../../test/skill-harness.ts";
import { type Cell, isoDate, typeColumn } from "./column-type.ts";
import { type Column, decodeTable, encodeTable, findTable, TABLE_MEDIA_TYPE, TABLE_NAME, unpack } from "./table.ts";

const head = (rowCount: number) => ({
	source: "here",
	format: "csv",
	rowCount,
	truncated: false,
	rejected: [],
	rejectedCount: 0,
	notes: [],
});

const column = (name: string, values: Cell[]): Column => ({ name, unit: null, ...typeColumn(values) });

test("a table comes back as it was written, whatever its names and texts", () => {
	const cell = fc.oneof(
		fc.string({ unit: "binary" }),
		fc.double({ noNaN: true, noDefaultInfinity: true }),
		fc.boolean(),
	);
	const columns = fc
		.uniqueArray(fc.string(), { maxLength: 5 })
		.chain((names) =>
			fc
				.integer({ min: 0, max: 8 })
				.chain((rows) =>
					fc
						.tuple(
							...names.map((name) =>
								fc.array(fc.option(cell), { minLength: rows, maxLength: rows }).map((v) => ({ name, v })),
							),
						)
						.map((list) => ({ rows, list })),
				),
		);
	fc.assert(
		fc.property(columns, ({ rows, list }) => {
			const typed = list.map(({ name, v }) => column(name, v));
			const { head: read, columns: back } = decodeTable(encodeTable(head(rows), typed));
			assert.deepEqual(back, typed);
			assert.equal(read.rowCount, rows);
		}),
	);
});

test("only the columns asked for are read", () => {
	const bytes = encodeTable(head(2), [column("a", ["1", "2"]), column("b", ["x", "y"]), column("c", ["3", ""])]);
	const { head: read, columns } = decodeTable(bytes, ["c"]);
	assert.deepEqual(columns, [{ name: "c", type: "integer", unit: null, missing: 1, values: [3, null] }]);
	assert.equal(read.columns.length, 3);
});

test("a column the table does not have is refused with the names it has", () => {
	const bytes = encodeTable(head(1), [column("a", ["1"])]);
	assert.throws(() => decodeTable(bytes, ["b"]), { code: "E_INPUT_INVALID", hint: "It has: a" });
});

test("bytes that are no table are refused", () => {
	for (const text of [
		"",
		"{}",
		"null",
		"a,b\n1,2\n",
		'{"is":"muster.table/1","rowCount":1,"columns":[{"name":"a"}]}\n[1,2]\n',
	]) {
		assert.throws(() => decodeTable(Buffer.from(text)), { code: "E_INPUT_INVALID" }, text);
	}
});

test("a numeric column keeps its type with the usual marks for a missing value", () => {
	assert.deepEqual(typeColumn(["1", "NA", "n/a", "null", "NaN", "-", "", " 2.5 ", null]), {
		type: "number",
		values: [1, null, null, null, null, null, null, 2.5, null],
		missing: 7,
	});
});

test("one real text among numbers makes a string column that keeps every cell as written", () => {
	assert.deepEqual(typeColumn(["1", "2", "about 3", "NA", ""]), {
		type: "string",
		values: ["1", "2", "about 3", "NA", null],
		missing: 1,
	});
});

test("what a number would damage stays text: leading zeros, twenty digits, infinity", () => {
	for (const cells of [["00123", "45"], ["12345678901234567890"], ["Infinity", "1"], ["1e999"], ["0x1f"], ["1,5"]]) {
		assert.deepEqual(typeColumn(cells), { type: "string", values: cells, missing: 0 });
	}
});

test("whole numbers, numbers, booleans and dates are told apart", () => {
	assert.equal(typeColumn(["1", "-2", "+3"]).type, "integer");
	assert.equal(typeColumn(["1", "2.0", "1e3"]).type, "number");
	assert.equal(typeColumn(["true", "FALSE"]).type, "boolean");
	assert.equal(typeColumn(["2012-01-01", "2012/01/02"]).type, "date");
	assert.equal(typeColumn(["2012-01-01", "5"]).type, "string");
	assert.equal(typeColumn(["NA", "", null]).type, "string");
});

test("a date is one of the calendar, and a time without a zone is UTC", () => {
	assert.equal(isoDate("2024-02-29"), "2024-02-29");
	assert.equal(isoDate("2023-02-29"), undefined);
	assert.equal(isoDate("2023-13-01"), undefined);
	assert.equal(isoDate("01/02/2023"), undefined);
	assert.equal(isoDate("2023-01-02 03:04"), "2023-01-02T03:04:00.000Z");
	assert.equal(isoDate("2023-01-02T03:04:05+0200"), "2023-01-02T01:04:05.000Z");
	assert.equal(isoDate("2023-01-02T25:00"), undefined);
});

test("every number JavaScript can write is typed back to itself", () => {
	fc.assert(
		fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
			const text = String(value);
			const { type, values } = typeColumn([text, "0.5"]);
			const lossy = /^-?\d+$/.test(text) && !Number.isSafeInteger(value);
			assert.deepEqual([type, values[0]], lossy ? ["string", text] : ["number", value + 0]);
		}),
	);
});

test("a table is found in an output, in a list of outputs, and behind a reference to a large output", async () => {
	const artifacts = memoryArtifacts();
	const table = await artifacts.put(TABLE_NAME, encodeTable(head(0), []), TABLE_MEDIA_TYPE);
	const large = await artifacts.put("output.json", JSON.stringify({ table }), "application/json");
	for (const value of [table, { table }, [null, [{ table }]], large, [{ report: 1 }, large]]) {
		assert.deepEqual(findTable(await unpack([value], artifacts)), table);
	}
	assert.equal(findTable([{ table: "no" }, null, 3]), undefined);
});
