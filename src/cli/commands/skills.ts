/** `muster skills`: what the skills that come along take and give. */
import { MusterError } from "../../errors.ts";
import { didYouMean } from "../../suggest.ts";
import type { GlobalOptions } from "../program.ts";
import { formsOf, type Row, rowsOf } from "../schema-rows.ts";
import { commandOf, type SkillView, skillViews } from "../skill-page.ts";
import { Terminal } from "../terminal.ts";

export async function run([name]: string[], options: GlobalOptions): Promise<number> {
	const terminal = new Terminal(options);
	const items = skillViews();
	if (name === undefined) {
		if (options.json) terminal.json({ items });
		else
			terminal.table(
				["SKILL", "DOES"],
				items.map((skill) => [skill.name, skill.description]),
			);
		terminal.hint("See what one takes and gives with", "skills NAME");
		return 0;
	}
	const skill = items.find((item) => item.name === name);
	if (skill === undefined) {
		const names = items.map((item) => item.name);
		throw new MusterError("E_USAGE", `no skill "${name}" comes with Muster`, {
			hint: didYouMean(name, names) ?? `There are: ${names.join(", ")}. Own skills are known to your own program.`,
		});
	}
	if (options.json) terminal.json(skill);
	else print(terminal, skill);
	return 0;
}

function print(terminal: Terminal, { name, description, input, output, example }: SkillView): void {
	terminal.print(`${terminal.paint("bold", name)}  ${description}`);
	for (const [place, rows] of formsOf(input).entries()) {
		terminal.print(place === 0 ? "" : "\nor\n");
		terminal.table(["INPUT", "TYPE", "DEFAULT", "MEANING"], cellsOf(rows));
	}
	terminal.print("");
	const given = cellsOf(rowsOf(output)).map(([member = "", type = "", , meaning = ""]) => [member, type, meaning]);
	terminal.table(["OUTPUT", "TYPE", "MEANING"], given);
	terminal.print(`\nExample:\n  ${commandOf(example)}`);
}

const cellsOf = (rows: readonly Row[]): string[][] =>
	rows.map(({ name, type, default: value, meaning }) => [name, type, value, meaning]);
