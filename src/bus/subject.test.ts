import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Interest, type Listener } from "./interest.ts";
import { isOwn, matches, overlap } from "./subject.ts";

/** Word by word, as one would explain it. */
function naive(pattern: string[], subject: string[]): boolean {
	const [first, ...rest] = pattern;
	const [token, ...others] = subject;
	if (first === undefined || token === undefined) return first === undefined && token === undefined;
	if (first === ">") return rest.length === 0;
	return (first === "*" || first === token) && naive(rest, others);
}

const token = fc.constantFrom("a", "b", "c", "$SRV", "_INBOX");
const subject = fc.array(token, { minLength: 1, maxLength: 5 });
const pattern = fc
	.tuple(fc.array(fc.oneof(token, fc.constant("*")), { maxLength: 5 }), fc.boolean())
	.map(([tokens, open]) => (open || tokens.length === 0 ? [...tokens, ">"] : tokens));

const fits = (wanted: string[], given: string[]): boolean => {
	const wild = wanted[0] === "*" || wanted[0] === ">";
	return naive(wanted, given) && !(wild && isOwn(given.join(".")));
};

test("a pattern stands for the subjects that a naive matcher finds", () => {
	fc.assert(
		fc.property(pattern, subject, (wanted, given) => {
			assert.equal(matches(wanted.join("."), given.join(".")), fits(wanted, given));
		}),
		{ numRuns: 2_000 },
	);
});

test("whoever comes and goes, those are found who listen now", () => {
	const step = fc.record({
		wanted: pattern,
		queue: fc.constantFrom(undefined, "q", "r"),
		leaves: fc.nat(5),
		given: subject,
	});
	fc.assert(
		fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
			const interest = new Interest<Listener>();
			const listening: { listener: Listener; wanted: string[] }[] = [];
			for (const { wanted, queue, leaves, given } of steps) {
				const listener = { subject: wanted.join("."), queue };
				interest.add(listener);
				listening.push({ listener, wanted });
				const [gone] = leaves < listening.length ? listening.splice(leaves, 1) : [];
				if (gone !== undefined) interest.delete(gone.listener);
				const expected = new Set(listening.filter((one) => fits(one.wanted, given)).map((one) => one.listener));
				const { each, groups } = interest.route(given.join("."));
				const found = [...each, ...groups.flatMap(({ members }) => members)];
				assert.deepEqual(new Set(found), expected);
				assert.equal(found.length, expected.size);
				assert.ok(each.every((one) => one.queue === undefined));
				for (const { members } of groups) assert.equal(new Set(members.map((one) => one.queue)).size, 1);
			}
			assert.equal(interest.size, listening.length);
			assert.equal(interest.all().length, listening.length);
		}),
	);
});

test("two patterns overlap when there is a subject that fits both", () => {
	const all = (length: number): string[][] =>
		length === 0 ? [[]] : all(length - 1).flatMap((head) => ["a", "b", "c"].map((last) => [...head, last]));
	const subjects = [1, 2, 3, 4].flatMap(all);
	const short = fc
		.tuple(fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 3 }), fc.boolean())
		.map(([tokens, open]) => (open || tokens.length === 0 ? [...tokens, ">"] : tokens));
	fc.assert(
		fc.property(short, short, (one, other) => {
			const expected = subjects.some((given) => naive(one, given) && naive(other, given));
			assert.equal(overlap(one.join("."), other.join(".")), expected);
		}),
		{ numRuns: 1_000 },
	);
});
