// Makes earthquakes.ndjson from the GeoJSON of the package vega-datasets. Run it from the project's root:
//   node samples/automation/convert.mjs > samples/automation/earthquakes.ndjson
import { readFileSync } from "node:fs";

const { features } = JSON.parse(readFileSync("node_modules/vega-datasets/data/earthquakes.json", "utf8"));
const observations = features.map(({ id, properties, geometry: { coordinates: [lon, lat, depth] } }) => ({
	id,
	time: new Date(properties.time).toISOString(),
	type: properties.type,
	magnitude: properties.mag,
	place: properties.place,
	depth_km: depth,
	lat,
	lon,
}));
observations.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.id < b.id ? -1 : 1));
for (const observation of observations) console.log(JSON.stringify(observation));
