/**
 * Where the server may listen, and for which names it answers. This machine alone, unless somebody says by which names it
 * is reached and how it is encrypted: a name that nobody gave could be one that a page in a browser made point here.
 */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { MusterError } from "../errors.ts";

export interface Tls {
	cert: Buffer;
	key: Buffer;
}

export interface PlaceOptions {
	host: string;
	/** Names or addresses, perhaps with a port, by which it is reached besides the loopback ones. */
	allowHosts: readonly string[];
	tls: Tls | undefined;
}

export interface Place {
	/** For this machine. */
	readonly url: string;
	/** The one origin whose pages may speak to it under this Host, or undefined when it does not answer for that. */
	originOf(host: string, encrypted: boolean): string | undefined;
}

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
const HOST = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?$/;
const MAX_HOSTS = 20;

/** @throws E_CONFIG_INVALID */
export function checkPlace({ host, allowHosts, tls }: PlaceOptions): void {
	const wrong = allowHosts.find((name) => !HOST.test(name.toLowerCase()));
	if (wrong !== undefined || allowHosts.length > MAX_HOSTS) {
		throw new MusterError(
			"E_CONFIG_INVALID",
			wrong === undefined ? `more than ${MAX_HOSTS} names are allowed` : `"${wrong}" is not the name of a host`,
			{
				hint: "Give a name as it stands in an address, for example --allow-host muster.example.org or 192.168.1.5:7620.",
			},
		);
	}
	if (LOOPBACK.has(host)) return;
	if (tls === undefined) {
		throw new MusterError("E_CONFIG_INVALID", `the server does not listen on ${host} without encryption`, {
			hint: "Leave the host out, and reach it through a tunnel: ssh -L 7620:127.0.0.1:7620 HOST. Or give --tls-cert and --tls-key.",
		});
	}
	if (allowHosts.length > 0) return;
	throw new MusterError("E_CONFIG_INVALID", `the server does not listen on ${host} without knowing its name`, {
		hint: "Say by which name it is reached, for example: --allow-host muster.example.org",
	});
}

/** @param ports that it listens on */
export function placeOf(url: string, ports: readonly number[], allowHosts: readonly string[]): Place {
	const loopback = new Set(
		ports.flatMap((port) => ["127.0.0.1", "localhost", "[::1]"].map((name) => `${name}:${port}`)),
	);
	// Without a port: with each of ours, and with none, as behind a proxy that listens on 443.
	const named = new Set(
		allowHosts
			.map((name) => name.toLowerCase())
			.flatMap((name) => (/:\d+$/.test(name) ? [name] : [name, ...ports.map((port) => `${name}:${port}`)])),
	);
	return {
		url,
		originOf(host, encrypted) {
			if (loopback.has(host)) return `${encrypted ? "https" : "http"}://${host}`;
			// Encrypted here, or by the proxy before it.
			return named.has(host) ? `https://${host}` : undefined;
		},
	};
}

/** @throws E_CONFIG_INVALID */
export function readTls(cert: string | undefined, key: string | undefined): Tls | undefined {
	if (cert === undefined && key === undefined) return undefined;
	if (cert === undefined || key === undefined) {
		throw new MusterError("E_CONFIG_INVALID", "encryption needs a certificate and its key", {
			hint: "Give both --tls-cert and --tls-key, as PEM files.",
		});
	}
	try {
		const tls = { cert: readFileSync(cert), key: readFileSync(key) };
		createSecureContext(tls);
		return tls;
	} catch (cause) {
		throw new MusterError(
			"E_CONFIG_INVALID",
			`the certificate or its key cannot be used: ${(cause as Error).message}`,
			{
				hint: "Both are PEM files, the key without a password.",
				cause,
			},
		);
	}
}
