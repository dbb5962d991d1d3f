/** `muster approvals`: what people are asked, and their answers. */
import { MusterError } from "../../errors.ts";
import type { ApprovalView } from "../../orchestrator/waits.ts";
import { openConnection, openReader } from "../connection.ts";
import { plain } from "../plain.ts";
import type { GlobalOptions } from "../program.ts";
import { Terminal } from "../terminal.ts";
import { readPairs } from "../values.ts";

interface ApprovalOptions extends GlobalOptions {
	all?: boolean;
	label?: string[];
	by?: string;
	comment?: string;
}

export async function run([action = "list", ...ids]: string[], options: ApprovalOptions): Promise<number> {
	if (action === "approve" || action === "deny") return answer(action === "approve", ids, options);
	if (action === "show") return show(ids, options);
	if (ids.length > 0) throw new MusterError("E_USAGE", "a list takes no id", { hint: "muster approvals show ID" });
	return list(options);
}

async function list(options: ApprovalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const reader = await openReader(options);
	try {
		const items = withLabels(await reader.approvals(), options);
		if (options.json) terminal.json({ items });
		else if (items.length === 0) terminal.say("Nobody is asked anything.");
		else {
			const rows = items.map(({ id, title, labels, askedAt, until }) => {
				const shown = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
				return [id, title, shown.join(" "), askedAt, until ?? ""];
			});
			terminal.table(["ID", "TITLE", "LABELS", "ASKED", "UNTIL"], rows, () => []);
			terminal.hint("See one as a whole with", "approvals show ID");
		}
		if (reader.remark !== undefined) terminal.hint(reader.remark);
		return 0;
	} finally {
		await reader.close();
	}
}

async function show(ids: readonly string[], options: ApprovalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const reader = await openReader(options);
	try {
		const [item] = pick(await reader.approvals(), ids.slice(0, 1));
		if (item === undefined) {
			throw new MusterError("E_USAGE", "which one? Give its id", { hint: "List them with: muster approvals" });
		}
		if (options.json) terminal.json(item);
		else print(terminal, item);
		return 0;
	} finally {
		await reader.close();
	}
}

/** Everything as it was given: nothing in it is interpreted, and what could mislead a terminal is made visible. */
function print(terminal: Terminal, approval: ApprovalView): void {
	const { id, title, content, hash, labels, askedAt, until, onTimeout, run, workflow, step, task, type } = approval;
	const line = (name: string, text: string): void =>
		terminal.print(`${terminal.paint("dim", name.padEnd(9))}${plain(text)}`);
	line("id", id);
	line("title", title);
	line("asked", askedAt);
	if (until !== undefined) line("until", `${until}, then: ${onTimeout ?? "fail"}`);
	if (run !== undefined) line("run", `${run}${workflow === undefined ? "" : ` of ${workflow}`}, step ${step ?? ""}`);
	if (task !== undefined) line("task", `${task}, ${type ?? ""}`);
	for (const [name, value] of Object.entries(labels)) line("label", `${name}=${value}`);
	line("hash", hash);
	line("content", "");
	terminal.print(plain(JSON.stringify(content, null, 2), true));
	terminal.hint("Answer with", `approvals approve ${id}`);
}

async function answer(approved: boolean, ids: readonly string[], options: ApprovalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const chosenByLabel = options.all === true || (options.label ?? []).length > 0;
	if (chosenByLabel === ids.length > 0) {
		throw new MusterError("E_USAGE", "say which: ids, or --all, or --label key=value", {
			hint: `For example: muster approvals ${approved ? "approve" : "deny"} --label risk=low`,
		});
	}
	const connection = await openConnection(options, { work: false, create: false });
	try {
		const asked = await connection.approvals();
		for (const id of ids) {
			// What became of it is known where it was answered. Nobody has seen it, so no hash fits should it be asked just now.
			if (!asked.some((item) => item.id.startsWith(id)))
				await connection.answer([id], approved, { hashes: { [id]: "unseen" } });
		}
		const items = chosenByLabel ? withLabels(asked, options) : pick(asked, ids);
		if (items.length > 0) {
			const { by, comment } = options;
			await connection.answer(
				items.map(({ id }) => id),
				approved,
				{
					// Bound to what was read just now: a question that has changed meanwhile is not answered.
					hashes: Object.fromEntries(items.map(({ id, hash }) => [id, hash])),
					...(by !== undefined && { by }),
					...(comment !== undefined && { comment }),
				},
			);
		}
		if (options.json) terminal.json({ answered: items.map(({ id }) => id), approved });
		else {
			for (const { id, title } of items) terminal.print(`${approved ? "approved" : "denied"}  ${id}  ${plain(title)}`);
		}
		if (items.length === 0) terminal.say("Nobody is asked anything that fits.");
		else if (connection.url === undefined) terminal.hint("Stored. No server runs; it goes on with", "up");
		return 0;
	} finally {
		await connection.close();
	}
}

function withLabels(items: readonly ApprovalView[], { label = [] }: ApprovalOptions): ApprovalView[] {
	const wanted = Object.entries(readPairs(label));
	return items.filter(({ labels }) => wanted.every(([name, value]) => labels[name] === value));
}

/** By whole ids, or their beginnings where only one begins so. @throws E_APPROVAL_UNKNOWN, E_USAGE */
function pick(items: readonly ApprovalView[], ids: readonly string[]): ApprovalView[] {
	return ids.map((given) => {
		const exact = items.find(({ id }) => id === given);
		const found = exact === undefined ? items.filter(({ id }) => id.startsWith(given)) : [exact];
		const [only] = found;
		if (only !== undefined && found.length === 1) return only;
		if (found.length > 1) {
			throw new MusterError("E_USAGE", `${found.length} ids begin with ${given}`, { hint: "Give more of it." });
		}
		throw new MusterError("E_APPROVAL_UNKNOWN", `nobody asks for approval under ${given}`, {
			hint: "List what is asked with: muster approvals",
		});
	});
}
