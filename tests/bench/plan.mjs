// SPDX-License-Identifier: MIT
//
// The census in SQL: what a careful person would write for DuckDB. Distinct pairs, conflicts, links
// that may be sent copied out, the sizes of the clusters. Prints one JSON line of counts.
//
//   node plan.mjs PAIRS.csv OUT.csv THREADS MEMORY_LIMIT|none
import { createRequire } from 'node:module';

const [input, output, threads, memory] = process.argv.slice(2);
const require = createRequire(process.env.NODE_PATH + '/');
const { DuckDBInstance } = require('@duckdb/node-api');
const db = await (await DuckDBInstance.create(':memory:')).connect();
const rows = async (sql) => (await db.runAndReadAll(sql)).getRowsJson();

await db.run(`SET threads = ${Number(threads)}`);
await db.run('SET preserve_insertion_order = false');
if (memory !== 'none') {
  await db.run(`SET memory_limit = '${memory}'`);
  await db.run(`SET temp_directory = '${output}.tmp'`);
}
const [[read]] = await rows(`
  CREATE TEMP TABLE links AS
    SELECT anonymous_id, user_id, count(*) AS rows
    FROM read_csv('${input}', header = true, all_varchar = true)
    WHERE trim(anonymous_id) <> '' AND trim(user_id) <> '' AND anonymous_id <> user_id
    GROUP BY ALL`).then(() => rows('SELECT sum(rows)::BIGINT FROM links'));
await db.run(`
  CREATE TEMP TABLE contested AS
    SELECT anonymous_id FROM links GROUP BY anonymous_id HAVING count(*) > 1`);
await db.run(`
  COPY (SELECT anonymous_id, user_id FROM links ANTI JOIN contested USING (anonymous_id))
    TO '${output}' (HEADER, DELIMITER ',')`);
const [[clusters, links, largest]] = await rows(`
  SELECT count(*), sum(ids)::BIGINT, max(ids) + 1 FROM (
    SELECT user_id, count(*) AS ids FROM links ANTI JOIN contested USING (anonymous_id)
    GROUP BY user_id)`);
const [[held]] = await rows('SELECT count(*) FROM links SEMI JOIN contested USING (anonymous_id)');
console.log(JSON.stringify({ read: Number(read), links: Number(links), held: Number(held),
                             clusters: Number(clusters), largest: Number(largest) }));
