/** The HTTP application in memory, spoken to as a good caller does, and its problems looked at. */
import assert from "node:assert/strict";
import { soleOwner } from "../src/access/access.ts";
import { systemClock } from "../src/clock.ts";
import { silentLog } from "../src/log.ts";
import { createApp, type Phase } from "../src/server/app.ts";
import { placeOf } from "../src/server/place.ts";
import { checkAnswer } from "./http-contract.ts";

export const TOKEN = "a".repeat(64);
export const PORT = 7620;

/** The application in memory, on an orchestrator of its own. Each answer is held against the document. */
export function appOn(phase: () => Phase, access = soleOwner(TOKEN, systemClock)) {
	const place = placeOf(`http://127.0.0.1:${PORT}`, [PORT], []);
	const app = createApp({ ...access, place: () => place, phase, log: silentLog });
	const send = async (path: string, init: RequestInit = {}): Promise<Response> => {
		const url = `http://127.0.0.1:${PORT}${path}`;
		const headers = { host: `127.0.0.1:${PORT}`, authorization: `Bearer ${TOKEN}`, ...init.headers };
		const response = await app.request(url, { ...init, headers });
		await checkAnswer(init.method ?? "GET", url, response);
		return response;
	};
	const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
		send(path, {
			method: "POST",
			headers: { "content-type": "application/json", ...headers },
			body: typeof body === "string" ? body : JSON.stringify(body),
		});
	return { app, send, post };
}

/** Checks the shape of a problem, and that nothing of the inside is in it. */
export async function problem(
	response: Response,
	status: number,
	code: string,
): Promise<{ detail: string; hint?: string }> {
	const text = await response.text();
	assert.equal(response.status, status, text);
	assert.equal(response.headers.get("content-type"), "application/problem+json");
	const body = JSON.parse(text);
	assert.equal(body.code, code);
	assert.equal(body.status, status);
	assert.ok(body.title && body.detail && body.type && typeof body.retryable === "boolean");
	assert.ok(!text.includes(".ts:"), "no stack goes out");
	return body;
}
