/** A process of its own that submits over HTTP: `node bench/http-load.ts PORT TOKEN TASKS-A-REQUEST CONNECTIONS SECONDS`. */
import { Agent, request } from "node:http";
import { input, percentile } from "./case.ts";

const [port, token, size, connections, seconds] = process.argv.slice(2);
const tasks = Number(size);
const spec = { type: "noop", input };
const body = JSON.stringify(tasks === 1 ? spec : Array.from({ length: tasks }, () => spec));
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
const options = {
	...{ agent, port: Number(port), host: "127.0.0.1", method: "POST" },
	path: tasks === 1 ? "/v1/tasks" : "/v1/tasks:batch",
	headers: {
		authorization: `Bearer ${token}`,
		"content-type": "application/json",
		"content-length": Buffer.byteLength(body),
	},
};

const send = (): Promise<void> =>
	new Promise((resolve, reject) => {
		const sent = request(options, (response) => {
			if (response.statusCode !== 201) reject(new Error(`it answered ${response.statusCode}`));
			response.resume().on("end", resolve);
		});
		sent.on("error", reject).end(body);
	});

const times: number[] = [];
const began = performance.now();
const end = began + Number(seconds) * 1_000;
const loop = async (): Promise<void> => {
	while (performance.now() < end) {
		const started = performance.now();
		await send();
		times.push(performance.now() - started);
	}
};
await Promise.all(Array.from({ length: Number(connections) }, loop));
const took = (performance.now() - began) / 1_000;
agent.destroy();
const result = { rate: (times.length * tasks) / took, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
process.stdout.write(JSON.stringify(result));
