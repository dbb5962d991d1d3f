import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { muster, up } from "../../test/cli-fixture.ts";
import { temporaryFolder } from "../../test/fixture.ts";

const flow = `apiVersion: muster/v1
kind: Workflow
name: ship
inputs:
  order: { type: integer, default: 0 }
steps:
  - id: paid
    wait: { event: { type: order.paid, filter: event.data.order == inputs.order } }
outputs:
  by: \${{ steps.paid.output.data.by }}
triggers:
  - event: order.placed
    with: { order: "\${{ event.data.order }}" }
`;

describe("muster send", { concurrency: true }, () => {
	for (const served of [false, true]) {
		test(`starts and ends what an event is for, ${served ? "through a server" : "without a server"}`, async (t) => {
			const folder = temporaryFolder(t);
			const file = join(folder, "ship.yaml");
			writeFileSync(file, flow);
			writeFileSync(join(folder, "paid.json"), '{"order": 7, "by": "card"}');
			const data = ["--data", join(folder, "data")];
			const server = served ? await up(t, join(folder, "data")) : undefined;
			assert.equal((await muster(t, "workflows", "enable", file, ...data)).code, 0);
			const placed = ["send", "order.placed", "-i", "order=7", "--id", "placed-7", ...data];
			const started = await muster(t, ...placed);
			assert.match(started.stdout, /^started run_\w+\n$/, started.stderr);
			assert.equal((await muster(t, ...placed)).stdout, started.stdout, "the same id starts it once");
			const typo = await muster(t, "send", "order.plced", ...data);
			assert.deepEqual([typo.code, typo.stdout], [0, ""]);
			assert.match(typo.stderr, /no run waits for it.* Did you mean "order\.placed"\?/);
			const wrong = await muster(t, "send", "order.placed", "-i", "order=many", "--json", ...data);
			assert.equal(wrong.code, 10);
			assert.match(wrong.stderr, /error E_INPUT_INVALID: ship: .*order/);
			const paid = await muster(t, "send", "order.paid", "--data-file", join(folder, "paid.json"), ...data);
			assert.equal(paid.stdout, "ended 1 wait(s)\n", paid.stderr);
			const run = started.stdout.trim().split(" ")[1] as string;
			const shown = JSON.parse((await muster(t, "task", run, "--json", ...data)).stdout);
			assert.deepEqual([shown.state, shown.outputs], ["completed", { by: "card" }]);
			if (server === undefined) return;
			const down = await muster(t, "down", ...data);
			assert.deepEqual([down.code, down.stdout], [0, `stopped ${server.url}\n`], down.stderr);
			assert.equal((await server.ended).code, 0);
		});
	}

	test("data that is no JSON is told with its file, and a file that is not there", async (t) => {
		const folder = temporaryFolder(t);
		writeFileSync(join(folder, "bad.json"), "{");
		const bad = await muster(t, "send", "x", "--data-file", join(folder, "bad.json"), "--data", folder);
		assert.deepEqual([bad.code, /bad\.json is not JSON/.test(bad.stderr)], [2, true], bad.stderr);
		const none = await muster(t, "send", "x", "--data-file", join(folder, "none.json"), "--data", folder);
		assert.match(none.stderr, /E_FILE_UNREADABLE/);
	});
});
