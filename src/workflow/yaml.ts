/** Workflow files. Reads all of a file before it complains: shape first, then meaning, every problem with its place. */
import type { z } from "zod";
import { MusterError } from "../errors.ts";
import type { Json } from "../json.ts";
import { compile } from "./compile.ts";
import type { WorkflowDefinition } from "./definition.ts";
import { formatPath, MAX_PROBLEMS, type Path, type Problem, Problems } from "./problems.ts";
import { addUnknownKey, workflowSchema } from "./schema.ts";
import { validate } from "./validate.ts";
import { readYaml, type YamlDocument } from "./yaml-document.ts";
import type { PlacedProblem } from "./yaml-syntax.ts";

/** One entry of `details.problems` of the error. */
export interface FileProblem {
	file: string;
	line: number;
	column: number;
	/** For example `steps[2].needs[0]`. */
	path: string;
	message: string;
	hint?: string;
}

/**
 * The definition in a workflow file.
 *
 * @param file its name, for the messages only
 * @throws E_WORKFLOW_INVALID with every problem, in the order of the file
 */
export function parseWorkflow(text: string, file: string): WorkflowDefinition {
	const document = readYaml(text);
	if (document.value === undefined || document.problems.length > 0) throw invalid(document, file, document.problems);
	const shape = workflowSchema.safeParse(document.value);
	const problems = new Problems();
	if (shape.success) {
		const definition = compile(shape.data);
		const found = validate(definition);
		if (found.list.length === 0) return definition;
		throw invalid(document, file, placed(document, found), found.dropped);
	}
	for (const issue of shape.error.issues) addIssue(problems, issue);
	const meaning = meaningOfRest(document.value, shape.error.issues, problems);
	throw invalid(document, file, [...placed(document, problems), ...placed(document, meaning)], problems.dropped);
}

function addIssue(problems: Problems, issue: z.core.$ZodIssue): void {
	const path = issue.path as Path;
	if (issue.code === "unrecognized_keys") {
		for (const key of issue.keys) addUnknownKey(problems, path, key);
		return;
	}
	const name = formatPath(path.slice(path.findLastIndex((part) => typeof part === "string")));
	problems.add(path, name === "" ? issue.message : `${name} ${issue.message}`);
}

/** Parts that others refer to: without them right references look wrong. */
const referredTo = ["needs", "inputs", "steps", "forEach", "as"];

/**
 * What can be said about the meaning of a file of broken shape: the broken parts are left out or stood in for. Nothing
 * when that is not possible, or when it would make up problems.
 */
function meaningOfRest(value: Json, issues: readonly z.core.$ZodIssue[], known: Problems): Problems {
	const nothing = new Problems();
	const left = issues.filter(({ code }) => code !== "unrecognized_keys");
	if (known.full || left.some(({ path }) => path.includes("needs") || referredTo.includes(path.at(-1) as string))) {
		return nothing;
	}
	const rest = structuredClone(value);
	for (const issue of issues) repair(rest, issue);
	const shape = workflowSchema.safeParse(rest);
	if (!shape.success) return nothing;
	const found = validate(compile(shape.data));
	const told = new Set(known.list.map(({ path }) => formatPath(path)));
	const fresh = new Problems();
	for (const problem of found.list) if (!told.has(formatPath(problem.path))) fresh.list.push(problem);
	return fresh;
}

/** Where something has to be. */
const standIns: { [key: string]: Json } = {
	...{
		apiVersion: "muster/v1",
		kind: "Workflow",
		name: "x",
		skill: "x",
		workflow: "x",
		title: "x",
		key: "x",
		group: "x",
	},
	...{ wait: { duration: 1 }, signal: "x", approval: "x", duration: 1, event: "x", max: 1, limit: 1, per: 1 },
	...{ loop: { max: 1, steps: [{ id: "x", skill: "x" }] }, expr: "* * * * *", path: "x" },
};

function repair(root: Json, issue: z.core.$ZodIssue): void {
	const around = issue.code === "unrecognized_keys" ? issue.path : issue.path.slice(0, -1);
	const keys = issue.code === "unrecognized_keys" ? issue.keys : [issue.path.at(-1) as string];
	let parent: Json | undefined = root;
	for (const part of around) parent = (parent as { [key: string]: Json } | undefined)?.[part as string];
	if (typeof parent !== "object" || parent === null || Array.isArray(parent)) return;
	for (const key of keys) {
		if (issue.code !== "unrecognized_keys" && Object.hasOwn(standIns, key)) parent[key] = standIns[key] as Json;
		else if (key === "type") for (const member of Object.keys(parent)) delete parent[member];
		else delete parent[key];
		if (key === "type") parent.type = "string";
	}
}

const placed = (document: YamlDocument, problems: Problems): PlacedProblem[] =>
	problems.list.map((problem: Problem) => ({ ...problem, at: document.locate(problem) }));

/** Problems of the definition in a file, with their places in it, in its order. */
export function problemsInFile(text: string, file: string, problems: Problems): FileProblem[] {
	const document = readYaml(text);
	return inFile(document, file, placed(document, problems));
}

function inFile(document: YamlDocument, file: string, found: PlacedProblem[]): FileProblem[] {
	const inOrder = found.toSorted((a, b) => a.at - b.at);
	return inOrder.slice(0, MAX_PROBLEMS).map(({ at, path, message, hint }) => {
		return { file, ...document.position(at), path: formatPath(path), message, ...(hint && { hint }) };
	});
}

/** `file:line:column message (hint)` */
export const fileLine = ({ file, line, column, message, hint }: FileProblem): string =>
	`${file}:${line}:${column} ${message}${hint === undefined ? "" : ` (${hint})`}`;

/** @param more how many there are besides */
export function fileError(problems: readonly FileProblem[], more = 0): MusterError {
	const lines = problems.map(fileLine);
	if (more > 0) lines.push(`and ${more} more`);
	return new MusterError("E_WORKFLOW_INVALID", lines.join("\n"), { details: { problems } });
}

function invalid(document: YamlDocument, file: string, found: PlacedProblem[], dropped = 0): MusterError {
	const problems = inFile(document, file, found);
	return fileError(problems, dropped + found.length - problems.length);
}
