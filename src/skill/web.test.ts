import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { MusterError } from "../errors.ts";
import { fetchBounded } from "./web.ts";

const signal = new AbortController().signal;

async function serve(answer: RequestListener): Promise<string> {
	const server = createServer(answer).listen(0, "127.0.0.1");
	await once(server, "listening");
	after(() => {
		server.closeAllConnections();
		server.close();
	});
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const failure = (run: Promise<unknown>): Promise<MusterError> =>
	run.then(
		() => assert.fail("it should have failed"),
		(error: MusterError) => error,
	);

test("a page of a loopback server is read with its type", async () => {
	const url = await serve((_, response) => response.setHeader("content-type", "text/plain").end("good"));
	const { status, bytes, contentType } = await fetchBounded(url, { signal });
	assert.deepEqual([status, new TextDecoder().decode(bytes), contentType], [200, "good", "text/plain"]);
});

test("a redirect is followed and the last address returned", async () => {
	const url = await serve((request, response) => {
		if (request.url === "/a") response.writeHead(302, { location: "/b" }).end();
		else response.end(request.url);
	});
	assert.equal((await fetchBounded(`${url}/a`, { signal })).url, `${url}/b`);
});

test("an endless redirect is given up and not retried", async () => {
	let asked = 0;
	const url = await serve((_, response) => {
		asked++;
		response.writeHead(302, { location: "/again" }).end();
	});
	const error = await failure(fetchBounded(url, { signal }));
	assert.deepEqual([error.code, error.retryable, asked], ["E_FETCH_FAILED", false, 6]);
});

test("a redirect to a metadata address is refused", async () => {
	const url = await serve((_, response) =>
		response.writeHead(302, { location: "http://169.254.169.254/latest" }).end(),
	);
	assert.match((await failure(fetchBounded(url, { signal }))).message, /link-local or metadata/);
});

for (const url of [
	"http://169.254.1.1/",
	"http://[fe80::1]/",
	"http://[::ffff:169.254.169.254]/",
	"http://2852039166/",
	"ftp://127.0.0.1/",
	"file:///etc/passwd",
	"not an address",
]) {
	test(`${url} is refused for good`, async () => {
		const error = await failure(fetchBounded(url, { signal }));
		assert.deepEqual([error.code, error.retryable], ["E_FETCH_FAILED", false]);
	});
}

test("an endless body ends at the limit", async () => {
	const url = await serve((_, response) => {
		const chunk = Buffer.alloc(64 * 1024, "x");
		const more = () => {
			while (response.write(chunk));
		};
		response.on("drain", more);
		more();
	});
	assert.match((await failure(fetchBounded(url, { signal, maxBytes: 200_000 }))).message, /larger than 200000 bytes/);
});

test("a small compressed answer that unpacks beyond the limit is refused", async () => {
	const packed = gzipSync(Buffer.alloc(2_000_000));
	const url = await serve((_, response) => response.setHeader("content-encoding", "gzip").end(packed));
	assert.match((await failure(fetchBounded(url, { signal, maxBytes: 100_000 }))).message, /larger than/);
});

test("429 is retryable after the seconds the server asked for", async () => {
	const url = await serve((_, response) => response.writeHead(429, { "retry-after": "7" }).end());
	const { retryable, retryAfterMs, details } = await failure(fetchBounded(url, { signal }));
	assert.deepEqual([retryable, retryAfterMs, details?.status], [true, 7_000, 429]);
});

test("a Retry-After date is read against the server's own date", async () => {
	const headers = { date: "Thu, 01 Jan 2026 00:00:00 GMT", "retry-after": "Thu, 01 Jan 2026 00:00:30 GMT" };
	const url = await serve((_, response) => response.writeHead(503, headers).end());
	assert.equal((await failure(fetchBounded(url, { signal }))).retryAfterMs, 30_000);
});

test("404 is not retryable", async () => {
	const url = await serve((_, response) => response.writeHead(404).end());
	assert.equal((await failure(fetchBounded(url, { signal }))).retryable, false);
});

test("a cancel ends a request that never answers, with the cancel's own reason", async () => {
	const { promise: asked, resolve } = Promise.withResolvers<IncomingMessage>();
	const url = await serve(resolve);
	const controller = new AbortController();
	const failed = failure(fetchBounded(url, { signal: controller.signal }));
	await asked;
	controller.abort(new MusterError("E_CANCELLED", "stop"));
	assert.equal((await failed).code, "E_CANCELLED");
});

test("a server that never answers is given up after the timeout and may be tried again", async () => {
	const url = await serve(() => {});
	const error = await failure(fetchBounded(url, { signal, timeoutMs: 20 }));
	assert.deepEqual([error.code, error.retryable], ["E_FETCH_FAILED", true]);
});

test("credentials stay behind when a redirect leaves the origin", async () => {
	const other = await serve((request, response) => response.end(request.headers.authorization ?? "none"));
	const url = await serve((_, response) => response.writeHead(307, { location: other }).end());
	const { bytes } = await fetchBounded(url, { signal, headers: { Authorization: "secret" } });
	assert.equal(new TextDecoder().decode(bytes), "none");
});
