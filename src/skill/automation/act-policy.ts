/** What effects are allowed. It comes from the configuration of whoever runs Muster, never from a task. */
import { constants } from "node:fs";
import { access, lstat, realpath } from "node:fs/promises";
import { basename, isAbsolute, join, relative, resolve, sep } from "node:path";
import { MusterError } from "../../errors.ts";
import { COMMAND_PATH } from "./command.ts";

export interface ActPolicy {
	/** Folders that may be written in, with everything below them. A relative path in an action is inside the first. */
	readonly folders: readonly string[];
	/**
	 * Beginnings of allowed argument vectors: `["git", "fetch"]` allows git with `fetch` and any further arguments that
	 * do not look like options. A beginning that ends in `--` allows those too, as the program takes them for values.
	 */
	readonly commands: readonly (readonly string[])[];
	/** Origins that may be posted to, for example `https://hooks.example.org`. */
	readonly webhooks: readonly string[];
}

export const nothingAllowed: ActPolicy = { folders: [], commands: [], webhooks: [] };

/** Where an action writes: a path below a real folder, with no link on the way. */
export interface Target {
	root: string;
	path: string;
}

export interface Guard {
	/** Checks without creating anything. @throws E_RULE_REFUSED */
	target(path: string): Promise<Target>;
	/** The vector with its program as an absolute path. @throws E_RULE_REFUSED */
	command(argv: readonly string[]): Promise<readonly string[]>;
	/** @throws E_RULE_REFUSED */
	webhook(url: string): URL;
}

/** Programs whose arguments are programs: allowing one would allow all. */
const LAUNCHERS = new Set(
	"sh bash dash zsh fish ksh mksh csh tcsh ash busybox cmd cmd.exe powershell pwsh env xargs sudo doas su".split(" "),
);

/** @throws E_CONFIG_INVALID for a policy that could never be kept */
export function createGuard(policy: ActPolicy): Guard {
	for (const [program = ""] of policy.commands) checkProgram(program, policy.folders);
	for (const origin of policy.webhooks) checkOrigin(origin);
	const resolved = new Map<string, Promise<string>>();
	const programPath = (program: string): Promise<string> => {
		const known = resolved.get(program) ?? findProgram(program);
		resolved.set(program, known);
		return known;
	};
	return {
		target: (path) => checkTarget(policy.folders, path),
		async command(argv) {
			checkArguments(policy.commands, argv);
			return [await programPath(argv[0] as string), ...argv.slice(1)];
		},
		webhook: (url) => checkUrl(policy.webhooks, url),
	};
}

const refused = (message: string, hint: string, details?: Record<string, unknown>): MusterError =>
	new MusterError("E_RULE_REFUSED", message, { hint, details });

const invalid = (message: string, hint: string): MusterError => new MusterError("E_CONFIG_INVALID", message, { hint });

function checkProgram(program: string, folders: readonly string[]): void {
	if (program === "" || program.includes("\0") || (!isAbsolute(program) && program.includes("/")))
		throw invalid(`"${program}" cannot be an allowed program`, "Write an absolute path or a bare name.");
	if (LAUNCHERS.has(basename(program)))
		throw invalid(`"${program}" runs any program it is given`, "Allow the programs it would run, one by one.");
	if (isAbsolute(program) && folders.some((folder) => below(resolve(folder), program) !== undefined))
		throw invalid(`"${program}" is in a folder that may be written`, "An action could replace it; keep it elsewhere.");
}

function checkOrigin(origin: string): void {
	const url = URL.parse(origin);
	if (url === null || url.origin !== origin || !/^https?:$/.test(url.protocol))
		throw invalid(`"${origin}" is not an origin`, "Write scheme, host and port only, as in https://hooks.example.org");
}

/** Looked up on a fixed path, once, so that a program put there later under the same name is not taken. */
async function findProgram(program: string): Promise<string> {
	const places = isAbsolute(program) ? [program] : COMMAND_PATH.split(":").map((folder) => join(folder, program));
	for (const place of places) {
		const real = await access(place, constants.X_OK).then(
			() => realpath(place),
			() => null,
		);
		if (real === null) continue;
		if (LAUNCHERS.has(basename(real))) throw refused(`${place} is ${real}, which runs any program`, "Allow another.");
		return place; // the name it was called by counts for some programs, so not `real`
	}
	throw refused(`the program ${JSON.stringify(program)} is not installed`, `It is looked for in ${COMMAND_PATH}.`);
}

function checkArguments(allowed: ActPolicy["commands"], argv: readonly string[]): void {
	const beginning = allowed
		.filter((prefix) => prefix.length > 0 && prefix.every((part, i) => argv[i] === part))
		.sort((a, b) => b.length - a.length);
	const shown = JSON.stringify(argv).slice(0, 200);
	if (beginning[0] === undefined)
		throw refused(`the command ${shown} is not allowed`, 'Add its beginning to "commands" of the policy.', { argv });
	const option = (prefix: readonly string[]): string | undefined =>
		prefix.includes("--") ? undefined : argv.slice(prefix.length).find((part) => part.startsWith("-"));
	if (beginning.every((prefix) => option(prefix) !== undefined))
		throw refused(
			`the command ${shown} is allowed, but not with the option ${JSON.stringify(option(beginning[0]))}`,
			'Write the option, or "--" before the values, into the allowed beginning.',
			{ argv },
		);
}

function checkUrl(allowed: readonly string[], text: string): URL {
	const url = URL.parse(text);
	if (url === null || url.username !== "" || url.password !== "")
		throw refused("the webhook has no plain web address", "Write it without user name and password.");
	if (!allowed.includes(url.origin))
		throw refused(`posting to ${url.origin} is not allowed`, `Add "${url.origin}" to "webhooks" of the policy.`);
	return url;
}

async function checkTarget(folders: readonly string[], path: string): Promise<Target> {
	const shown = JSON.stringify(path);
	if (path === "" || path.includes("\0")) throw refused(`${shown} is not a path`, "Write a path without NUL bytes.");
	const segments = path.split(/[\\/]/);
	if (segments.includes("..")) throw refused(`${shown} leads upwards`, "Write the path without ..");
	const first = folders[0];
	if (first === undefined)
		throw refused(`writing ${shown} is not allowed`, 'Add its folder to "folders" of the policy.');
	for (const folder of isAbsolute(path) ? folders : [first]) {
		const root = await realFolder(folder);
		const inside = isAbsolute(path)
			? (below(resolve(folder), path) ?? below(root, path))
			: below(root, join(root, path));
		if (inside === undefined) continue;
		const hidden = inside.split(sep).find((segment) => segment.startsWith("."));
		if (hidden !== undefined)
			throw refused(`${shown} is hidden by "${hidden}"`, "Hidden files steer other programs; choose another name.");
		await checkWay(root, inside, shown);
		return { root, path: join(root, inside) };
	}
	throw refused(`${shown} is in no allowed folder`, `Allowed are ${folders.join(", ")}; see "folders" of the policy.`);
}

/** The folder without links. One that is not there yet is made by the first write. */
async function realFolder(folder: string): Promise<string> {
	return realpath(folder).catch(() => resolve(folder));
}

function below(root: string, path: string): string | undefined {
	const inside = relative(root, path);
	return inside === "" || inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside) ? undefined : inside;
}

/** Every part below the root that exists must be a plain folder, the last one a plain file. */
async function checkWay(root: string, inside: string, shown: string): Promise<void> {
	const segments = inside.split(sep);
	for (let i = 1; i <= segments.length; i++) {
		const part = join(root, ...segments.slice(0, i));
		const found = await lstat(part).catch((error: NodeJS.ErrnoException) => {
			if (error.code === "ENOENT") return null;
			throw refused(`${shown} cannot be looked at (${error.code})`, "Check the rights of the folders on the way.");
		});
		if (found === null) return;
		if (found.isSymbolicLink())
			throw refused(`${shown} passes the link ${part}`, "Links are not followed when writing.");
		const last = i === segments.length;
		if (last ? !found.isFile() : !found.isDirectory())
			throw refused(`${shown} needs ${part} to be a ${last ? "plain file" : "folder"}`, "Choose another path.");
	}
}
