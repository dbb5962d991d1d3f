/**
 * The listening sockets, on the port that was asked for or not at all. With TLS there are two: the encrypted one for
 * everybody, and a plain one on a port of this machine for its own commands, which need no certificate so.
 */
import type { Server as NodeServer } from "node:http";
import { createServer as createEncrypted } from "node:https";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Access } from "../access/access.ts";
import { MusterError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import { createApp, type Phase } from "./app.ts";
import { checkPlace, type Place, placeOf, type Tls } from "./place.ts";

export const DEFAULT_PORT = 7620;
/** Most connections at once; each watcher holds one. */
const MAX_CONNECTIONS = 1_000;
const LAST_ANSWERS_MS = 500;

export interface ServerOptions {
	host?: string;
	/** 0: any that is free. */
	port?: number;
	/** Names by which it is reached besides the loopback ones. */
	allowHosts?: readonly string[];
	/** Needed to listen beyond this machine. */
	tls?: Tls | undefined;
	access: Access;
	log: Log;
}

export interface Server {
	/** For this machine. */
	readonly url: string;
	/** With TLS: for everybody. */
	readonly publicUrl?: string;
	/** From now on it answers with this orchestrator; before, everything is "not ready". */
	ready(orchestrator: Orchestrator): void;
	/** From now on it says that it is not ready; what is asked is still answered. */
	stopping(): void;
	/** Takes no further connection, lets open answers end for a moment, then cuts them off. */
	close(): Promise<void>;
}

/** Resolves when it listens. @throws E_CONFIG_INVALID, E_CONFLICT when the port is in use */
export async function listen(options: ServerOptions): Promise<Server> {
	const { host = "127.0.0.1", port = DEFAULT_PORT, allowHosts = [], tls, access, log } = options;
	checkPlace({ host, allowHosts, tls });
	let phase: Phase = { state: "starting" };
	let place: Place = placeOf("", [], []);
	const { callers, audit, now } = access;
	const { fetch } = createApp({ callers, audit, now, place: () => place, phase: () => phase, log });
	const sockets: NodeServer[] = [];
	const open = async (server: NodeServer, at: string, wanted: number): Promise<number> => {
		server.maxConnections = MAX_CONNECTIONS;
		await bind(server, at, wanted);
		server.on("error", (error) => log.error("the HTTP server failed", { error: error.message }));
		sockets.push(server);
		return (server.address() as AddressInfo).port;
	};
	const plain = createAdaptorServer({ fetch }) as NodeServer;
	const ports: number[] = [];
	try {
		if (tls !== undefined) {
			const encrypted = createAdaptorServer({ fetch, createServer: createEncrypted, serverOptions: { ...tls } });
			ports.push(await open(encrypted as NodeServer, host, port));
		}
		ports.push(await open(plain, tls === undefined ? host : "127.0.0.1", tls === undefined ? port : 0));
	} catch (error) {
		for (const socket of sockets) socket.close();
		throw error;
	}
	const near = `http://${tls !== undefined ? "127.0.0.1" : inUrl(host)}:${ports.at(-1)}`;
	place = placeOf(near, ports, allowHosts);
	return {
		url: near,
		...(tls !== undefined && { publicUrl: `https://${inUrl(host)}:${ports[0]}` }),
		ready(orchestrator) {
			phase = { state: "ready", orchestrator };
		},
		stopping() {
			if (phase.state === "ready") phase = { ...phase, state: "stopping" };
		},
		async close() {
			await Promise.all(sockets.map(closed));
			callers.close();
			await audit.close();
		},
	};
}

const inUrl = (host: string): string => (host.includes(":") ? `[${host}]` : host);

async function closed(server: NodeServer): Promise<void> {
	const over = new Promise<void>((resolve) => void server.close(() => resolve()));
	server.closeIdleConnections();
	const late = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
	await over;
	clearTimeout(late);
}

function bind(server: NodeServer, host: string, port: number): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(error, host, port)));
		server.listen(port, host, () => {
			server.removeAllListeners("error");
			resolve();
		});
	});
}

function cannotListen(cause: NodeJS.ErrnoException, host: string, port: number): MusterError {
	if (cause.code === "EADDRINUSE") {
		return new MusterError("E_CONFLICT", `port ${port} of ${host} is in use by another program`, {
			hint: "Give another one with --port, or --port 0 for any that is free.",
			cause,
			details: { port },
		});
	}
	return new MusterError("E_CONFIG_INVALID", `the server cannot listen on ${host}:${port}: ${cause.message}`, {
		cause,
	});
}
