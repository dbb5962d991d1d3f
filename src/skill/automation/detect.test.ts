import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createHarness, type Harness, runSkill } from "../../../test/skill-harness.ts";
import { hasCode } from "../../errors.ts";
import type { Json } from "../../json.ts";
import type { ArtifactRef } from "../skill.ts";
import { type Anomaly, detect as skill } from "./detect.ts";
import { judge, LEAST_VALUES, type Method, usualThreshold } from "./detect-statistics.ts";

interface Output {
	checked: number;
	anomalies: Anomaly[];
	counts: Record<string, number>;
	notes: string[];
}

async function detect(observations: Json, more: object, harness: Harness = createHarness()): Promise<Output> {
	return (await runSkill(skill, { observations, ...more }, harness)) as never;
}

const sample = (name: string): Promise<string> =>
	readFile(new URL(`../../../samples/automation/${name}`, import.meta.url), "utf8");

describe("the anomalies of a real week of earthquakes", async () => {
	const raw = new URL("../../../node_modules/vega-datasets/data/earthquakes.json", import.meta.url);
	const { features } = JSON.parse(await readFile(raw, "utf8")) as {
		features: { id: string; properties: { mag: number; time: number }; geometry: { coordinates: number[] } }[];
	};
	const observations = (await sample("earthquakes.ndjson"))
		.trimEnd()
		.split("\n")
		.map((line) => JSON.parse(line));
	const { anomalies, counts, checked } = await detect(observations, JSON.parse(await sample("detect.json")));
	const found = (rule: string): string[] =>
		anomalies
			.filter((each) => each.rule === rule)
			.map(({ observation }) => String(observation[rule === "unusual-hour" ? "time" : "id"]))
			.sort();

	/** Written out here so that nothing is shared with the skill. */
	const outliers = <Item>(items: Item[], value: (item: Item) => number, deviations: number): Item[] => {
		const mean = items.reduce((sum, item) => sum + value(item), 0) / items.length;
		const squares = items.reduce((sum, item) => sum + (value(item) - mean) ** 2, 0);
		const deviation = Math.sqrt(squares / (items.length - 1));
		return items.filter((item) => Math.abs(value(item) - mean) / deviation > deviations);
	};

	test("are the strong ones by the rule", () => {
		const expected = features.filter(({ properties }) => properties.mag >= 6).map(({ id }) => id);
		assert.deepEqual(found("strong-earthquake"), expected.sort());
		assert.equal(expected.length, 5);
	});

	test("are the deep ones by their distance from the mean", () => {
		const expected = outliers(features, ({ geometry }) => geometry.coordinates[2] as number, 6).map(({ id }) => id);
		assert.deepEqual(found("unusual-depth"), expected.sort());
		assert.equal(expected.length, 7);
	});

	test("are the hours with unusually many or few of them", () => {
		const hour = 3_600_000;
		const times = features.map(({ properties }) => Math.floor(properties.time / hour));
		const hours: [string, number][] = [];
		for (let at = Math.min(...times) + 1; at < Math.max(...times); at++)
			hours.push([new Date(at * hour).toISOString(), times.filter((time) => time === at).length]);
		const expected = outliers(hours, ([, count]) => count, 2);
		assert.deepEqual(
			found("unusual-hour"),
			expected.map(([name]) => name),
		);
		assert.equal(expected.length, 4);
	});

	test("are all that is reported", () => {
		assert.equal(checked, features.length);
		assert.deepEqual(counts, { "strong-earthquake": 5, "unusual-depth": 7, "unusual-hour": 4 });
		assert.equal(anomalies.length, 16);
	});

	test("have texts that a person can read", () => {
		const strongest = anomalies.find(({ id }) => id === "strong-earthquake.us1000chhc");
		assert.equal(strongest?.text, "Magnitude 6.4 earthquake, 22km NNE of Hualian, Taiwan, 2018-02-06T15:50:42.400Z");
		assert.deepEqual([strongest?.value, strongest?.expected, strongest?.severity], [6.4, "below 6", "critical"]);
	});
});

describe("a rule", () => {
	const cases: [op: string, value: Json | undefined, observed: Json, broken: boolean][] = [
		[">", 5, 6, true],
		[">", 5, 5, false],
		[">", 5, "6", false],
		[">", 5, null, false],
		[">=", 5, 5, true],
		["<", 5, 4, true],
		["<", 5, 5, false],
		["<=", 5, 5, true],
		[">", "2026-01-01", "2026-01-02", true],
		["==", "down", "down", true],
		["==", [1], [1], true],
		["!=", 0, 1, true],
		["!=", 0, 0, false],
		["!=", 0, null, true],
		["contains", "disk", "the disk is full", true],
		["contains", "disk", "fine", false],
		["contains", 2, [1, 2], true],
		["matches", "^E\\d+$", "E42", true],
		["matches", "^E\\d+$", 42, false],
		["missing", undefined, null, true],
		["missing", undefined, "", true],
		["missing", undefined, 0, false],
	];
	for (const [op, value, observed, broken] of cases) {
		test(`${op} ${JSON.stringify(value) ?? ""} is ${broken ? "" : "not "}broken by ${JSON.stringify(observed)}`, async () => {
			const rule = { id: "r", field: "f", op, ...(value === undefined ? {} : { value }) };
			const { counts } = await detect([{ id: "o", f: observed }], { rules: [rule] });
			assert.equal(counts.r, broken ? 1 : 0);
		});
	}

	test("changed compares with the observation before it that has the field", async () => {
		const states = ["up", "up", null, "up", "down", "down", "up"].map((f, id) => ({ id, f }));
		const { anomalies } = await detect(states, { rules: [{ id: "r", field: "f", op: "changed" }] });
		assert.deepEqual(
			anomalies.map(({ id, expected }) => [id, expected]),
			[
				["r.4", "still up"],
				["r.6", "still down"],
			],
		);
	});

	test("reaches into nested objects and never into a prototype", async () => {
		const rule = (field: string) => ({ id: "r", field, op: "missing" });
		const observation = { id: 1, at: { lat: 2 }, "a.b": 1 };
		for (const [field, missing] of [
			["at.lat", 0],
			["a.b", 0],
			["at.lon", 1],
			["toString", 1],
			["at.constructor.name", 1],
		] as const)
			assert.equal((await detect([observation], { rules: [rule(field)] })).counts.r, missing, field);
	});

	test("without its value is refused", async () => {
		for (const op of [">", "==", "contains", "matches"])
			await assert.rejects(detect([], { rules: [{ id: "r", field: "f", op }] }), (error) =>
				hasCode(error, "E_INPUT_INVALID"),
			);
	});

	test("with a catastrophic pattern does not hang", { timeout: 20_000 }, async () => {
		const rule = { id: "r", field: "f", op: "matches", value: "^(a+)+$" };
		const { counts } = await detect([{ id: 1, f: `${"a".repeat(50_000)}!` }], { rules: [rule] });
		assert.equal(counts.r, 0);
	});

	test("fills its text from the observation, the value and what was expected", async () => {
		const rule = {
			id: "hot",
			field: "t",
			op: ">",
			value: 30,
			severity: "critical",
			describe: "{room}: {value} ({expected}), {none}",
		};
		const { anomalies } = await detect([{ id: "k", room: "kitchen", t: 31 }], { rules: [rule] });
		assert.deepEqual(anomalies, [
			{
				id: "hot.k",
				rule: "hot",
				severity: "critical",
				observation: { id: "k", room: "kitchen", t: 31 },
				value: 31,
				expected: "at most 30",
				text: "kitchen: 31 (at most 30), missing",
			},
		]);
	});

	test("with an id that another has too is refused", async () => {
		const rule = { id: "r", field: "f", op: "missing" };
		await assert.rejects(detect([], { rules: [rule, rule] }));
	});
});

describe("statistics", () => {
	/** NIST/SEMATECH e-Handbook 6.3.2.4: the EWMA example's data. */
	const nist = [
		52, 47, 53, 49.3, 50.1, 47, 51, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1,
	];

	test("of fewer than eight values find nothing and say so", async () => {
		const few = [1, 1, 1, 1, 1, 1, 1_000].map((f, id) => ({ id, f }));
		const { anomalies, notes } = await detect(few, { statistics: [{ id: "s", field: "f", method: "mad" }] });
		assert.deepEqual([anomalies, notes], [[], ["s: only 7 values, and at least 8 are needed"]]);
	});

	test("of values that are all the same find nothing and say so", () => {
		for (const method of Object.keys(usualThreshold) as Method[])
			assert.deepEqual(judge(new Array(20).fill(7), method), { outliers: [], note: "all values are the same" });
	});

	test("find the one far value by every method", () => {
		const values = Array.from({ length: 40 }, (_, i) => 10 + (i % 5));
		values[20] = 500;
		for (const method of Object.keys(usualThreshold) as Method[])
			assert.equal(judge(values, method).outliers[0]?.index, 20, method);
	});

	test("by MAD judge by the mean deviation when most values are alike", () => {
		const values = [...new Array(30).fill(5), 5.1, 900];
		assert.deepEqual(
			judge(values, "mad").outliers.map(({ value }) => value),
			[900],
		);
	});

	test("by EWMA see a small lasting shift that z-scores do not", () => {
		const shifted = [...nist, ...nist.map((value) => value + 3)];
		assert.deepEqual(judge(shifted, "zscore").outliers, []);
		assert.ok(judge(shifted, "ewma").outliers.length > 0);
	});

	test("agree with their definitions for any values", () => {
		const values = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: LEAST_VALUES, maxLength: 60 });
		fc.assert(
			fc.property(values, fc.double({ min: 0.5, max: 5, noNaN: true }), (series, threshold) => {
				fc.pre(new Set(series).size > 1);
				const sorted = series.toSorted((a, b) => a - b);
				const at = (p: number): number => {
					const place = p * (sorted.length - 1);
					const [low, high] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
					return low + (place - Math.floor(place)) * (high - low);
				};
				const reach = threshold * (at(0.75) - at(0.25));
				const expected = series.map((value, i) => (value < at(0.25) - reach || value > at(0.75) + reach ? i : -1));
				const found = judge(series, "iqr", threshold).outliers.map(({ index }) => index);
				// Rounding may decide either way for a value right on the fence.
				const onFence = series.map((value) =>
					[at(0.25) - reach, at(0.75) + reach].some((fence) => Math.abs(value - fence) < 1e-9),
				);
				assert.deepEqual(
					found.filter((i) => !onFence[i]),
					expected.filter((i) => i >= 0 && !onFence[i]),
				);
			}),
		);
	});

	test("do not depend on the order of the values, but for EWMA", () => {
		const values = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: LEAST_VALUES, maxLength: 40 });
		fc.assert(
			fc.property(values, fc.constantFrom<Method>("mad", "iqr"), (series, method) => {
				const sorted = (list: number[]): number[] =>
					judge(list, method)
						.outliers.map(({ value }) => value)
						.sort((a, b) => a - b);
				assert.deepEqual(sorted(series), sorted(series.toReversed()));
			}),
		);
	});

	test("judge each group by itself", async () => {
		const calm = Array.from({ length: 20 }, (_, i) => ({ id: `c${i}`, host: "calm", f: 10 + (i % 3) }));
		const busy = Array.from({ length: 20 }, (_, i) => ({ id: `b${i}`, host: "busy", f: 500 + (i % 3) }));
		const odd = { id: "odd", host: "calm", f: 500 };
		const statistics = [{ id: "s", field: "f", method: "mad", by: "host" }];
		const { anomalies } = await detect([...calm, ...busy, odd], { statistics });
		assert.deepEqual(
			anomalies.map(({ id }) => id),
			["s.odd"],
		);
	});

	test("count empty stretches of time too", async () => {
		const at = (hour: number, n: number) =>
			Array.from({ length: n }, (_, i) => ({ id: `${hour}-${i}`, time: hour * 3_600_000 + i, f: 1 }));
		const hours = Array.from({ length: 30 }, (_, hour) => at(hour, hour === 12 ? 0 : 10 + (hour % 2))).flat();
		const statistics = [{ id: "quiet", field: "f", method: "mad", time: "time", bucket: "1h" }];
		const { anomalies } = await detect(hours, { statistics });
		assert.deepEqual(
			anomalies.map(({ id, value }) => [id, value]),
			[["quiet.1970-01-01T120000Z", 0]],
		);
	});

	test("refuse more stretches of time than they can hold", async () => {
		const far = [0, 8e15].map((time, id) => ({ id, time, f: 1 }));
		const statistics = [{ id: "s", field: "f", method: "mad", time: "time", bucket: "1s" }];
		await assert.rejects(detect(far, { statistics }), (error) => hasCode(error, "E_INPUT_TOO_LARGE"));
	});

	test("refuse a bucket without a time", async () => {
		const statistics = [{ id: "s", field: "f", method: "mad", bucket: "1h" }];
		await assert.rejects(detect([], { statistics }), (error) => hasCode(error, "E_INPUT_INVALID"));
	});
});

describe("detect", () => {
	const rules = [{ id: "r", field: "f", op: ">", value: 1 }];
	const list = [
		{ id: "a", f: 2 },
		{ id: "b", f: 1 },
	];

	test("takes the observations from the task before it, inline or by reference", async () => {
		const { artifacts } = createHarness();
		const ref = (await artifacts.put("observations.json", JSON.stringify(list), "application/json")) as unknown as Json;
		const output = JSON.stringify({ observations: list });
		const whole = (await artifacts.put("output.json", output, "application/json")) as unknown as Json;
		for (const before of [list, ref, { observations: list }, { kind: "data", observations: ref }, whole]) {
			const output = (await runSkill(
				skill,
				{ rules },
				createHarness({ previous: [before], artifacts }),
			)) as never as Output;
			assert.deepEqual(
				output.anomalies.map(({ id }) => id),
				["r.a"],
			);
		}
	});

	test("without observations is refused", async () => {
		await assert.rejects(runSkill(skill, { rules }), (error) => hasCode(error, "E_INPUT_INVALID"));
		await assert.rejects(detect([1] as Json, { rules }), (error) => hasCode(error, "E_INPUT_INVALID"));
	});

	test("without anything to look for is refused", async () => {
		await assert.rejects(detect(list, {}));
	});

	test("stores many anomalies as an artifact and still counts them all", async () => {
		const harness = createHarness();
		const many = Array.from({ length: 20_000 }, (_, id) => ({ id, f: 2 }));
		const { anomalies, counts, notes } = await detect(many, { rules }, harness);
		assert.equal(((await harness.artifacts.json(anomalies as unknown as ArtifactRef)) as Json[]).length, 10_000);
		assert.equal(counts.r, 20_000);
		assert.deepEqual(notes, ["20000 anomalies were found, the first 10000 are listed"]);
	});

	test("gives the same anomalies with the same ids every time", async () => {
		assert.deepEqual(await detect(list, { rules }), await detect(list, { rules }));
	});
});
