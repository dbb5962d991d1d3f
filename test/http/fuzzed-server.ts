/** A server with work of every kind in it, for tools that try it from outside. Its skills end at once. */
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { soleOwner } from "../../src/access/access.ts";
import { systemClock } from "../../src/clock.ts";
import { defineSkill, startOrchestrator, TerminalError } from "../../src/index.ts";
import { silentLog } from "../../src/log.ts";
import { listen } from "../../src/server/server.ts";

const echo = defineSkill({ name: "echo", description: "Gives its input back.", run: (input) => input });
const broken = defineSkill({
	name: "broken",
	description: "Fails.",
	run: () => {
		throw new TerminalError("broken on purpose");
	},
});

/** Its second step waits for a person, so that there is an approval. */
const WORKFLOW = `apiVersion: muster/v1
kind: Workflow
name: hello
inputs:
  word: { type: string, default: hello }
steps:
  - { id: say, skill: echo, with: { word: "\${{ inputs.word }}" } }
  - { id: ask, needs: [say], wait: { approval: { title: Go on } } }
outputs:
  word: \${{ steps.say.output.word }}
triggers:
  - event: com.example.hello
`;

export interface FuzzedServer {
	url: string;
	token: string;
	/** What it holds, by the name it has in `schemathesis.toml`. */
	known: { [name: string]: string };
	close(): Promise<void>;
}

export async function startFuzzedServer(): Promise<FuzzedServer> {
	const folder = await mkdtemp(join(tmpdir(), "muster-fuzz-"));
	await writeFile(join(folder, "hello.yaml"), WORKFLOW);
	const token = "f".repeat(64);
	const server = await listen({ port: 0, access: soleOwner(token, systemClock), log: silentLog });
	const orchestrator = await startOrchestrator({
		...{ dataDir: join(folder, "data"), workflows: [folder], workers: 2, coordinators: 1 },
		...{ skills: [echo, broken], log: silentLog, durability: "normal" },
	});
	const ids = await orchestrator.submitMany([{ type: "echo" }, { type: "broken" }, { type: "nobody" }]);
	const [done = "", failed = "", waiting = ""] = ids;
	await Promise.all([orchestrator.wait(done), orchestrator.wait(failed)]);
	const over = await orchestrator.startRun("hello");
	await orchestrator.cancel(over);
	const running = await orchestrator.startRun("hello");
	await orchestrator.schedule({ id: "nightly", cron: "0 3 * * *", task: { type: "echo" } });
	await orchestrator.enableWorkflow("hello");
	const { ref } = await orchestrator.artifacts.put("hello.txt", "hello", "text/plain");
	const known = {
		...{ RUN_OVER: over, RUN_WAITING: running, ARTIFACT: ref.replace("sha256:", "") },
		...{ TASK_DONE: done, TASK_FAILED: failed, TASK_WAITING: waiting },
	};
	server.ready(orchestrator);
	return {
		...{ url: server.url, token, known },
		async close() {
			server.stopping();
			await orchestrator.shutdown({ grace: 0 });
			await server.close();
			rmSync(folder, { recursive: true, force: true });
		},
	};
}
