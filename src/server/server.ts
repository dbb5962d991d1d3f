/** The listening socket: on this machine only, on the port that was asked for or not at all. */
import type { Server as NodeServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { MusterError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";
import { createApp, type Phase } from "./app.ts";

export const DEFAULT_PORT = 7620;
const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
/** Most connections at once; each watcher holds one. */
const MAX_CONNECTIONS = 1_000;
const LAST_ANSWERS_MS = 500;

export interface ServerOptions {
	host?: string;
	/** 0: any that is free. */
	port?: number;
	token: string;
	log: Log;
}

export interface Server {
	readonly url: string;
	/** From now on it answers with this orchestrator; before, everything is "not ready". */
	ready(orchestrator: Orchestrator): void;
	/** From now on it says that it is not ready; what is asked is still answered. */
	stopping(): void;
	/** Takes no further connection, lets open answers end for a moment, then cuts them off. */
	close(): Promise<void>;
}

/** Resolves when it listens. @throws E_CONFIG_INVALID, E_CONFLICT when the port is in use */
export async function listen({ host = "127.0.0.1", port = DEFAULT_PORT, token, log }: ServerOptions): Promise<Server> {
	if (!LOOPBACK.has(host)) {
		throw new MusterError(
			"E_CONFIG_INVALID",
			`the server cannot listen on ${host}: only this machine is supported yet`,
			{
				hint: "Leave the host out, and reach it from elsewhere through a tunnel, for example: ssh -L 7620:127.0.0.1:7620 HOST",
			},
		);
	}
	let phase: Phase = { state: "starting" };
	let boundPort = port;
	const app = createApp({ token, port: () => boundPort, phase: () => phase, log });
	const server = createAdaptorServer({ fetch: app.fetch }) as NodeServer;
	server.maxConnections = MAX_CONNECTIONS;
	await bind(server, host, port);
	boundPort = (server.address() as AddressInfo).port;
	server.on("error", (error) => log.error("the HTTP server failed", { error: error.message }));
	return {
		url: `http://${host.includes(":") ? `[${host}]` : host}:${boundPort}`,
		ready(orchestrator) {
			phase = { state: "ready", orchestrator };
		},
		stopping() {
			if (phase.state === "ready") phase = { ...phase, state: "stopping" };
		},
		async close() {
			const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
			server.closeIdleConnections();
			const late = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
			await closed;
			clearTimeout(late);
		},
	};
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
