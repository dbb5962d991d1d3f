import assert from "node:assert/strict";
import { test } from "node:test";
import { nothingAllowed } from "./automation/act-policy.ts";
import { builtInNames, builtInSkills } from "./built-in.ts";

test("the names that are known without loading a skill are those of the skills", () => {
	assert.deepEqual(
		builtInSkills(nothingAllowed).map(({ name }) => name),
		builtInNames,
	);
});
