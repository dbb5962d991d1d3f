import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { cronProblem, firesUpTo, MAX_FIRES, nextFire } from "./cron.ts";

const at = (text: string): number => Date.parse(text);

/** The next fires as texts in UTC. */
function fires(expr: string, timezone: string, after: string, count: number): string[] {
	const found: string[] = [];
	for (let time: number | undefined = at(after); found.length < count; ) {
		time = nextFire(expr, timezone, time as number);
		found.push(time === undefined ? "none" : new Date(time).toISOString().replace(":00.000Z", "Z"));
	}
	return found;
}

describe("cron expressions", () => {
	it("are refused with a reason when they are none", () => {
		for (const expr of ["", "* * * *", "* * * * * * *", "60 * * * *", "0 24 * * *", "a b c d e", "*/0 * * * *"]) {
			assert.equal(typeof cronProblem(expr), "string", expr);
		}
		assert.equal(cronProblem("@daily"), "has one field, not five or six");
		assert.equal(cronProblem("0 0 30 2 *"), "never fires");
		assert.match(cronProblem("? * * * *") ?? "", /\?/);
		for (const expr of [
			"* * * * *",
			"*/10 * * * * *",
			"0 7 * * 1-5",
			" 0  7 * * MON-FRI ",
			"0 0 L * *",
			"0 0 29 2 *",
		]) {
			assert.equal(cronProblem(expr), undefined, expr);
		}
	});

	it("fire after a time, never at it", () => {
		assert.deepEqual(fires("0 7 * * 1-5", "UTC", "2026-11-27T07:00:00Z", 2), [
			"2026-11-30T07:00Z",
			"2026-12-01T07:00Z",
		]);
		assert.deepEqual(fires("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", 2), ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]);
		assert.equal(nextFire("* * * * * *", "UTC", at("2026-01-01T00:00:00.500Z")), at("2026-01-01T00:00:01Z"));
	});

	it("with fixed times fire once for each, at the end of a gap when the day leaves it out", () => {
		// Berlin, 2026-03-29: 02:00 to 03:00 is not there (01:00 UTC).
		assert.deepEqual(fires("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3), [
			...["2026-03-28T01:30Z", "2026-03-29T01:00Z", "2026-03-30T00:30Z"],
		]);
		// Santiago, 2026-09-06: 00:00 to 01:00 is not there (04:00 UTC).
		assert.deepEqual(fires("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", 2), [
			...["2026-09-06T04:00Z", "2026-09-07T03:00Z"],
		]);
	});

	it("with fixed times fire at the end of a gap that ends on the next day", () => {
		// Nuuk, 2026-03-28: 23:00 to 24:00 is not there; the gap ends on the 29th at 01:00 UTC. Scoresbysund does the same.
		for (const zone of ["America/Nuuk", "America/Scoresbysund"]) {
			assert.deepEqual(fires("30 23 * * *", zone, "2026-03-27T12:00:00Z", 3), [
				...["2026-03-28T01:30Z", "2026-03-29T01:00Z", "2026-03-30T00:30Z"],
			]);
			assert.deepEqual(fires("0,30 23 * * 6", zone, "2026-03-28T12:00:00Z", 2), [
				...["2026-03-29T01:00Z", "2026-04-05T00:00Z"],
			]);
		}
	});

	it("with fixed times fire once for each, the first time, when the day has it twice", () => {
		// Berlin, 2026-10-25: 02:00 to 03:00 comes twice (00:00 and 01:00 UTC).
		assert.deepEqual(fires("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2), [
			...["2026-10-25T00:30Z", "2026-10-26T01:30Z"],
		]);
		assert.deepEqual(fires("0,30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 3), [
			...["2026-10-25T00:00Z", "2026-10-25T00:30Z", "2026-10-26T01:00Z"],
		]);
		assert.deepEqual(fires("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", 1), ["2026-10-26T01:30Z"]);
	});

	it("with steps or stars fire whenever the clock reads so, in both passes of an hour", () => {
		assert.deepEqual(fires("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 5), [
			...["2026-10-25T00:00Z", "2026-10-25T00:30Z", "2026-10-25T01:00Z", "2026-10-25T01:30Z", "2026-10-25T02:00Z"],
		]);
		assert.deepEqual(fires("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 1), ["2026-03-30T00:00Z"]);
	});

	it("fire later and later, at times that fit them, through every change of the clocks", () => {
		const zones = [
			"UTC",
			"Europe/Berlin",
			"America/New_York",
			"Australia/Lord_Howe",
			"America/Santiago",
			"Asia/Kathmandu",
			"America/Nuuk",
		];
		const field = (most: number) => fc.oneof(fc.constant("*"), fc.integer({ min: 0, max: most }).map(String));
		fc.assert(
			fc.property(
				...[field(59), field(23), fc.constantFrom(...zones)],
				fc.integer({ min: at("2025-01-01T00:00:00Z"), max: at("2027-12-31T00:00:00Z") }),
				(minute, hour, timezone, start) => {
					const format = new Intl.DateTimeFormat("en-GB", {
						...{ timeZone: timezone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
					});
					for (let time = start, i = 0; i < 5; i++) {
						const next = nextFire(`${minute} ${hour} * * *`, timezone, time);
						assert.ok(next !== undefined && next > time);
						if (minute === "*" || hour === "*") {
							const [readHour, readMinute] = format.format(next).split(":").map(Number);
							assert.ok(hour === "*" || readHour === Number(hour));
							assert.ok(minute === "*" || readMinute === Number(minute));
						} else assert.ok(next - time <= 26 * 3_600_000); // once a day, whatever the clocks do
						time = next;
					}
				},
			),
			{ numRuns: 300 },
		);
	});
});

describe("fires up to now", () => {
	it("are all there, with the one to come", () => {
		const found = firesUpTo("0 * * * *", "UTC", at("2026-01-01T00:00:00Z"), at("2026-01-01T02:00:00Z"));
		assert.deepEqual(found, {
			times: [0, 1, 2].map((hour) => at(`2026-01-01T0${hour}:00:00Z`)),
			last: at("2026-01-01T02:00:00Z"),
			complete: true,
			nextAt: at("2026-01-01T03:00:00Z"),
		});
	});

	it("are bounded, and the newest is found without a walk through all of them", () => {
		const now = at("2027-01-01T09:30:00Z");
		for (const [expr, last] of [
			["* * * * * *", now],
			["3 * * * * *", now - 57_000],
			["* * 7 * * *", at("2027-01-01T07:59:59Z")],
			["* 3 1 * *", at("2027-01-01T03:59:00Z")],
		] as const) {
			const found = firesUpTo(expr, "UTC", nextFire(expr, "UTC", at("2020-01-01T00:00:00Z")) as number, now);
			assert.deepEqual([found.last, found.complete, found.times.length], [last, false, MAX_FIRES], expr);
			assert.equal(found.nextAt, nextFire(expr, "UTC", now));
		}
	});
});
