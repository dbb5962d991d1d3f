/** How an error ends a command: `error E_CODE: message`, a hint, and the code's exit code. */
import { styleText } from "node:util";
import { errorTable, hasCode, toErrorData } from "../errors.ts";
import { plain } from "./plain.ts";

export function reportError(thrown: unknown): number {
	const { code, message, hint } = toErrorData(thrown, "E_INTERNAL");
	const { title, exit } = errorTable[code];
	// Several problems stand on lines of their own, each beginning with its file.
	const text = message.includes("\n") ? `${title}\n${message}` : message;
	// styleText looks at NO_COLOR, at the terminal, and here also at the flag: it runs before the options are known.
	const colour = process.argv.includes("--no-color") ? (label: string) => label : red;
	process.stderr.write(`${colour(`error ${code}:`)} ${plain(text, true)}\n`);
	if (hint !== undefined) process.stderr.write(`hint: ${plain(hint, true)}\n`);
	if (!hasCode(thrown)) process.stderr.write(`${(thrown as Error | undefined)?.stack ?? ""}\n`);
	return exit;
}

const red = (text: string): string => styleText("red", text, { stream: process.stderr });
