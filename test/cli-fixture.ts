/** Runs `muster` as a process of its own, and a web address that answers when the test says so. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const bin = join(root, "bin", "muster.mjs");

export interface Ended {
	code: number | null;
	signal: NodeJS.Signals | null;
	stdout: string;
	stderr: string;
}

export interface Running {
	process: ChildProcess;
	/** The next line of stdout or stderr that matches, from the first one on. */
	line(pattern: RegExp): Promise<string>;
	ended: Promise<Ended>;
}

/** In the repository's folder, where samples and workflows are; without the caller's own settings. */
export function start(t: TestContext, args: readonly string[], options: { cwd?: string } = {}): Running {
	const { MUSTER_DATA: _, NO_COLOR: __, CI: ___, ...inherited } = process.env;
	const env = { ...inherited, NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "muster-test") };
	const child = spawn(process.execPath, [bin, ...args], { cwd: options.cwd ?? root, env, stdio: "pipe" });
	t.after(() => void child.kill("SIGKILL"));
	const text = { stdout: "", stderr: "" };
	const lines: string[] = [];
	let look = (): void => undefined;
	for (const name of ["stdout", "stderr"] as const) {
		const stream = child[name] as Readable;
		stream.setEncoding("utf8").on("data", (data: string) => {
			text[name] += data;
		});
		createInterface({ input: stream }).on("line", (line) => {
			lines.push(line);
			look();
		});
	}
	const ended = once(child, "close").then(([code, signal]) => ({ code, signal, ...text }));
	return {
		process: child,
		ended,
		line: (pattern) =>
			new Promise<string>((resolve, reject) => {
				look = () => {
					const found = lines.find((line) => pattern.test(line));
					if (found !== undefined) resolve(found);
				};
				look();
				ended.then((end) => reject(new Error(`ended with ${end.code} before ${pattern}: ${end.stdout}${end.stderr}`)));
			}),
	};
}

export const muster = (t: TestContext, ...args: string[]): Promise<Ended> => start(t, args).ended;

/** A server on the folder; resolves when it listens. */
export async function up(t: TestContext, folder: string, ...args: string[]): Promise<Running & { url: string }> {
	const server = start(t, ["up", "--data", folder, "--port", "0", ...args]);
	const line = await server.line(/listens on/);
	return { ...server, url: line.split(" ").at(-1) as string };
}

/** A CSV at an address that answers only when it is let: a task that collects it runs until then. */
export async function heldTable(t: TestContext): Promise<{ url: string; asked: Promise<unknown>; answer(): void }> {
	const held = Promise.withResolvers<void>();
	const server = createServer(async (_, response) => {
		await held.promise;
		response.setHeader("content-type", "text/csv");
		response.end("a,b\n1,2\n3,4\n");
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => {
		held.resolve();
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as AddressInfo;
	return { url: `http://127.0.0.1:${port}/table.csv`, asked: once(server, "request"), answer: () => held.resolve() };
}
