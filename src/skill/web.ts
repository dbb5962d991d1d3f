/**
 * Reading the web within bounds: one request with a limit on time, size and redirects, and the main text of a page.
 *
 * Addresses are checked when the socket connects, not before, so that a name that resolves differently the second
 * time cannot slip past. Loopback and private networks are allowed: people monitor their own services.
 */
import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { MusterError } from "../errors.ts";

const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 20_000;
const MAX_REDIRECTS = 5;
const MAX_URL_LENGTH = 8_192;
const LONGEST_RETRY_AFTER_MS = 86_400_000;

/** Link-local ranges, and the fixed addresses where clouds answer with credentials. */
const REFUSED = new BlockList();
REFUSED.addSubnet("169.254.0.0", 16, "ipv4");
REFUSED.addSubnet("fe80::", 10, "ipv6");
REFUSED.addSubnet("64:ff9b::a9fe:0", 112, "ipv6"); // 169.254.0.0/16 behind NAT64
REFUSED.addAddress("fd00:ec2::254", "ipv6");
REFUSED.addAddress("100.100.100.200", "ipv4");
REFUSED.addAddress("192.0.0.192", "ipv4");

export interface FetchOptions {
	signal: AbortSignal;
	/** Largest body, counted after decompression. Default 10 MiB. */
	maxBytes?: number;
	/** For the whole exchange with its redirects. Default 20 s. */
	timeoutMs?: number;
	method?: string;
	headers?: Record<string, string>;
	body?: string | Uint8Array;
}

export interface Fetched {
	/** 200 to 399; anything above throws. */
	status: number;
	bytes: Uint8Array;
	/** As the server said it, or an empty string. */
	contentType: string;
	/** Where the last redirect led. */
	url: string;
}

/**
 * Reads one http or https address.
 *
 * @throws E_FETCH_FAILED with `details.url`, and `details.status` when there was an answer. It is retryable for network
 * failures, timeouts, 408, 425, 429 and 5xx; `retryAfterMs` is what the server's Retry-After asked for.
 * @throws the signal's reason once it aborts
 */
export async function fetchBounded(url: string, options: FetchOptions): Promise<Fetched> {
	options.signal.throwIfAborted();
	const timeout = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
	const signal = AbortSignal.any([options.signal, timeout]);
	let hop: Hop = {
		url: checkedUrl(url),
		method: options.method?.toUpperCase() ?? "GET",
		headers: lowerCased(options.headers),
		body: options.body,
	};
	try {
		for (let redirects = 0; ; redirects++) {
			const response = await send(hop, signal);
			const status = response.statusCode ?? 0;
			const location = response.headers.location;
			if (status >= 300 && status < 400 && location !== undefined) {
				response.destroy();
				if (redirects === MAX_REDIRECTS) throw failed(hop.url, `redirected more than ${MAX_REDIRECTS} times`);
				hop = nextHop(hop, status, location);
				continue;
			}
			if (status >= 400) {
				response.destroy();
				throw refusedByServer(hop.url, status, response);
			}
			const bytes = await readBody(response, hop.url, options.maxBytes ?? DEFAULT_MAX_BYTES);
			return { status, bytes, contentType: response.headers["content-type"] ?? "", url: hop.url.href };
		}
	} catch (error) {
		if (options.signal.aborted) throw options.signal.reason;
		if (error instanceof MusterError) throw error;
		if (timeout.aborted) throw failed(hop.url, "did not answer in time", { retryable: true, cause: error });
		throw failed(hop.url, `could not be read: ${reasonOf(error)}`, { retryable: true, cause: error });
	}
}

interface Hop {
	url: URL;
	method: string;
	headers: Record<string, string>;
	body: string | Uint8Array | undefined;
}

function checkedUrl(text: string, base?: URL): URL {
	const url = text.length > MAX_URL_LENGTH ? null : URL.parse(text, base?.href);
	if (url === null) {
		throw new MusterError("E_FETCH_FAILED", `"${text.slice(0, 200)}" is not a web address`, { retryable: false });
	}
	if (url.protocol !== "http:" && url.protocol !== "https:") {
		throw failed(url, "is neither http nor https");
	}
	const host = url.hostname.replace(/^\[|\]$/g, "");
	if (isIP(host) !== 0 && isRefused(host)) throw failed(url, "is a link-local or metadata address, which is not read");
	return url;
}

function isRefused(address: string): boolean {
	return REFUSED.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/** The resolver of every connection: refuses a name when any of its addresses is refused. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
	dnsLookup(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
		if (error !== null) return callback(error, "", 0);
		const refused = found.find(({ address }) => isRefused(address));
		if (refused !== undefined) {
			const problem = `${hostname} leads to ${refused.address}, a link-local or metadata address, which is not read`;
			return callback(new MusterError("E_FETCH_FAILED", problem, { retryable: false }), "", 0);
		}
		const first = found[0];
		if (options.all === true) return callback(null, found);
		return callback(null, first?.address ?? "", first?.family ?? 0);
	});
};

function send(hop: Hop, signal: AbortSignal): Promise<IncomingMessage> {
	const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
	const request = hop.url.protocol === "https:" ? httpsRequest : httpRequest;
	const headers = {
		"user-agent": "muster-agents",
		accept: "*/*",
		"accept-encoding": "gzip, deflate, br",
		...hop.headers,
	};
	const sent = request(hop.url, { method: hop.method, headers, signal, lookup: guardedLookup }, resolve);
	sent.on("error", reject);
	sent.end(hop.body);
	return promise;
}

function nextHop(hop: Hop, status: number, location: string): Hop {
	const url = checkedUrl(location, hop.url);
	const headers = { ...hop.headers };
	if (url.origin !== hop.url.origin) {
		delete headers.authorization;
		delete headers.cookie;
	}
	const keeps = status === 307 || status === 308 || hop.method === "GET" || hop.method === "HEAD";
	if (keeps) return { url, method: hop.method, headers, body: hop.body };
	for (const name of Object.keys(headers)) if (name.startsWith("content-")) delete headers[name];
	return { url, method: "GET", headers, body: undefined };
}

async function readBody(response: IncomingMessage, url: URL, maxBytes: number): Promise<Uint8Array> {
	const chunks: Uint8Array[] = [];
	let size = 0;
	// Leaving the loop by an error destroys the stream, and with it the connection: an endless body stops here.
	for await (const chunk of decompressed(response) as AsyncIterable<Uint8Array>) {
		size += chunk.byteLength;
		if (size > maxBytes) throw failed(url, `is larger than ${maxBytes} bytes`);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks, size);
}

function decompressed(response: IncomingMessage): Readable {
	const encoding = response.headers["content-encoding"]?.trim().toLowerCase() ?? "";
	const ignore = () => {}; // the reader of the last stream sees the error
	if (encoding === "gzip" || encoding === "x-gzip") return pipeline(response, createGunzip(), ignore);
	if (encoding === "deflate") return pipeline(response, createInflate(), ignore);
	if (encoding === "br") return pipeline(response, createBrotliDecompress(), ignore);
	return response;
}

function refusedByServer(url: URL, status: number, response: IncomingMessage): MusterError {
	const retryable = status >= 500 || status === 429 || status === 408 || status === 425;
	const retryAfterMs = retryable ? retryAfter(response) : undefined;
	return failed(url, `answered ${status}`, { retryable, retryAfterMs, details: { status } });
}

/** Retry-After is a number of seconds, or a date to be read against the server's own Date. */
function retryAfter(response: IncomingMessage): number | undefined {
	const text = response.headers["retry-after"]?.trim();
	if (text === undefined) return undefined;
	const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.parse(response.headers.date ?? "");
	return Number.isFinite(ms) ? Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS) : undefined;
}

function failed(
	url: URL,
	problem: string,
	options: { retryable?: boolean; retryAfterMs?: number | undefined; details?: object; cause?: unknown } = {},
): MusterError {
	const shown = `${url.origin}${url.pathname}${url.search}`; // without user name and password
	return new MusterError("E_FETCH_FAILED", `${shown} ${problem}`, {
		retryable: options.retryable ?? false,
		retryAfterMs: options.retryAfterMs,
		details: { url: shown, ...options.details },
		cause: options.cause,
	});
}

function lowerCased(headers: Record<string, string> = {}): Record<string, string> {
	return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function reasonOf(error: unknown): string {
	const { code, message } = error as { code?: string; message?: string };
	return message !== undefined && message !== "" ? message : (code ?? "unknown reason");
}
