import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { didYouMean, suggest } from "./suggest.ts";

const known = ["research", "write", "edit", "idleTimeout", "timeout", "forEach"];

test("a missing, doubled, wrong or swapped letter still finds the name", () => {
	assert.equal(suggest("reserch", known), "research");
	assert.equal(suggest("wrrite", known), "write");
	assert.equal(suggest("edid", known), "edit");
	assert.equal(suggest("tiemout", known), "timeout");
});

test("case, dashes and underscores do not matter", () => {
	assert.equal(suggest("foreach", known), "forEach");
	assert.equal(suggest("idle_timeout", known), "idleTimeout");
});

test("a name that resembles nothing gets no suggestion", () => {
	assert.equal(suggest("banana", known), undefined);
	assert.equal(suggest("", known), undefined);
});

test("a letter of another script that looks the same is one wrong letter", () => {
	assert.equal(suggest("еdit", known), "edit");
});

test("names of any length are compared without delay", () => {
	const long = "a".repeat(1_000_000);
	assert.equal(suggest(long, [long.slice(1)]), undefined);
});

test("the hint is a question with the name in quotes", () => {
	assert.equal(didYouMean("wirte", known), 'Did you mean "write"?');
	assert.equal(didYouMean("banana", known), undefined);
});

test("one changed letter of any longer name is found", () => {
	fc.assert(
		fc.property(fc.stringMatching(/^[a-z]{4,30}$/), fc.nat(), (name, place) => {
			const index = place % name.length;
			const typo = `${name.slice(0, index)}#${name.slice(index + 1)}`;
			assert.equal(suggest(typo, ["#", name]), name);
		}),
	);
});
