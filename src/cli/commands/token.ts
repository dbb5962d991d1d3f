/** `muster token`: tokens for others than the owner, through the running server or in the data folder itself. */
import { openAccess } from "../../access/access.ts";
import type { Callers, TokenView } from "../../access/callers.ts";
import { readToken } from "../../access/owner-token.ts";
import type { TokenRole } from "../../access/role.ts";
import { systemClock } from "../../clock.ts";
import { toMs } from "../../duration.ts";
import { MusterError } from "../../errors.ts";
import { makeFolder } from "../../journal/lock.ts";
import { silentLog } from "../../log.ts";
import { checkExists, dataFolder, findServer } from "../connection.ts";
import type { HttpConnection } from "../http-connection.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";

interface TokenOptions extends GlobalOptions {
	role: TokenRole;
	expires?: string;
}

type Desk = HttpConnection | Callers;

export async function run([action = "list", name]: string[], options: TokenOptions): Promise<number> {
	const terminal = new Terminal(options);
	if (action !== "list" && name === undefined) {
		throw new MusterError("E_USAGE", `name the token: muster token ${action} NAME`);
	}
	if (options.expires !== undefined) toMs(options.expires, "--expires");
	const folder = dataFolder(options);
	if (action !== "create" && readToken(folder) === undefined) checkExists(folder);
	const desk = (await findServer(options)) ?? ownDesk(folder);
	if (action === "create") return create(terminal, desk, name as string, options);
	if (action === "revoke") return revoke(terminal, desk, name as string, options);
	return list(terminal, desk, options);
}

/** No server has to run: one that starts later, or is just starting, reads the same file. */
function ownDesk(folder: string): Callers {
	makeFolder(folder);
	const { callers } = openAccess({ folder, durable: true, clock: systemClock, log: silentLog });
	callers.close(); // it has not to look for changes of others
	return callers;
}

async function create(terminal: Terminal, desk: Desk, name: string, options: TokenOptions): Promise<number> {
	const { role, expires, json } = options;
	const created = await desk.create({ name, role, ...(expires !== undefined && { expires }) });
	if (json) terminal.json(created);
	else terminal.print(created.secret);
	const until = created.expiresAt === undefined ? "until it is revoked" : `until ${created.expiresAt}`;
	terminal.say(`The token ${name} has the role ${role} ${until}. It is shown this once.`);
	terminal.hint("Send it as: Authorization: Bearer TOKEN. Take it back with", `token revoke ${name}`);
	return 0;
}

async function revoke(terminal: Terminal, desk: Desk, name: string, { json }: TokenOptions): Promise<number> {
	await desk.revoke(name);
	if (json) terminal.json({ name, revoked: true });
	else terminal.print(`${name} revoked`);
	return 0;
}

async function list(terminal: Terminal, desk: Desk, { json }: TokenOptions): Promise<number> {
	const items = await desk.list();
	if (json) terminal.json({ items });
	else terminal.table(["NAME", "ROLE", "CREATED", "EXPIRES"], items.map(rowOf));
	return 0;
}

const rowOf = ({ name, role, createdAt = "", expiresAt, expired }: TokenView): string[] => [
	...[name, role, createdAt],
	expiresAt === undefined ? "never" : expired ? `expired ${expiresAt}` : expiresAt,
];
