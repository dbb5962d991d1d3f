/** docs/skills.md and `muster skills`, made from the schemas of the skills, so that page, command and skill say the same. */
import { builtInSkills } from "../main.ts";
import type { AnySkill } from "../skill/skill.ts";
import type { JsonSchema } from "../workflow/json-schema.ts";
import { code, formsOf, jsonSchemaOf, markdownTable, type Row, rowsOf } from "./schema-rows.ts";

export interface SkillView {
	name: string;
	description: string;
	/** JSON Schemas. */
	input: JsonSchema;
	output: JsonSchema;
	/** Behind `muster submit`. */
	example: readonly string[];
}

/** One that works in a checkout; `ID` stands for the id of the task before it. */
export const examples: Readonly<Record<string, readonly string[]>> = {
	research: ["research", "-i", "topic=testing with faults", "-i", "folder=samples/library", "--wait"],
	writing: ["writing", "-i", "words=400", "--after", "ID", "--wait"],
	editing: ["editing", "-i", "style=plain", "--after", "ID", "--wait"],
	collect: ["collect", "-i", "source=samples/data/seattle-weather.csv", "--wait"],
	analyze: ["analyze", "-i", 'aspects=["profile", "trends"]', "--after", "ID", "--wait"],
	inspect: ["inspect", "-i", "row=7", "--after", "ID", "--wait"],
	visualize: ["visualize", "-i", "title=Weather in Seattle", "--after", "ID", "--wait"],
	monitor: ["monitor", "-i", 'watch={"data": "samples/automation/earthquakes.ndjson"}', "--wait"],
	detect: [
		...["detect", "-i", 'rules=[{"id": "strong", "field": "mag", "op": ">=", "value": 6}]'],
		...["--after", "ID", "--wait"],
	],
	act: ["act", "-i", 'actions=[{"kind": "append-line", "path": "notes.txt", "line": "seen"}]', "--wait"],
};

export const skillViews = (): SkillView[] => builtInSkills().map(skillView);

const skillView = ({ name, description, input, output }: AnySkill): SkillView => ({
	...{ name, description },
	input: input === undefined ? {} : jsonSchemaOf(input, "input"),
	output: output === undefined ? {} : jsonSchemaOf(output, "output"),
	example: examples[name] ?? [name],
});

export const commandOf = (example: readonly string[]): string =>
	`muster submit ${example.map((word) => (/^[\w.,:=/-]+$/.test(word) ? word : quoted(word))).join(" ")}`;

function quoted(word: string): string {
	const [, name = "", value = word] = /^(\w+=)(.*)$/s.exec(word) ?? [];
	return `${name}'${value}'`;
}

const INTRO = `# Skills

The ten skills that come along: what each takes, gives and does. \`muster skills NAME\` prints the same; with \`--json\` the schemas.
In a task they are \`{ type: "research", input: { ... } }\`, in a workflow \`skill: research\` with \`with: { ... }\`, on the command line
\`muster submit research -i topic=...\`. Where a member has a default from the tasks before, those are the tasks of \`dependsOn\`
(\`--after\`), in a workflow the steps of \`needs\`.

An *artifact* is a reference to a stored file: \`{ ref, size, mediaType, name }\`. A task of type \`coordinate\` is no skill: see the
coordinators in [examples/](../examples).
`;

/** The whole page. */
export function skillPage(): string {
	return [INTRO, ...skillViews().map(section)].join("\n");
}

function section({ name, description, input, output, example }: SkillView): string {
	const forms = formsOf(input).map((rows) => table(rows, true));
	return [
		`## ${name}\n\n${description}\n`,
		`\`\`\`sh\nnpx ${commandOf(example)}\n\`\`\`\n`,
		`${forms.join("\n\nor\n\n")}\n`,
		`It gives:\n\n${table(rowsOf(output), false)}\n`,
	].join("\n");
}

function table(rows: readonly Row[], input: boolean): string {
	const head = input ? ["input", "type", "default", "meaning"] : ["output", "type", "meaning"];
	const cells = rows.map(({ name, type, default: value, meaning }) => [
		...[code(name), type],
		...(input ? [code(value)] : []),
		meaning,
	]);
	return markdownTable(head, cells);
}
