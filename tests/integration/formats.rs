//! The forms of the tables: equal in content, and read by those who will read them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::harness::{Scratch, read_csv, root};

const TABLES: [&str; 4] = ["errors", "causes", "findings", "connections"];

fn analyzed(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    let sample = root().join("samples/harbor-cut");
    let args = ["analyze", sample.to_str().unwrap(), "-o", "out", "-q", "--format", "csv,parquet,json"];
    scratch.wirecause(0, &args);
    scratch
}

/// Runs a script of Python with the packages of `tests/requirements.txt`.
fn python(scratch: &Scratch, script: &str) -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let interpreter: PathBuf = target.join("python/bin/python");
    assert!(
        interpreter.exists(),
        "{} is missing: `./test` makes it, or\n  python3 -m venv {1} && {1}/bin/pip install -r tests/requirements.txt",
        interpreter.display(),
        target.join("python").display()
    );
    scratch.write("script.py", script);
    scratch.run(0, Command::new(interpreter).arg("script.py")).stdout()
}

/// The code blocks of README.md in one language.
fn blocks(language: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let fence = format!("\n```{language}\n");
    let blocks = readme.split(fence.as_str()).skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn json_lines_hold_what_csv_holds() {
    let scratch = analyzed("formats-json");
    for table in TABLES {
        let rows = read_csv(&scratch.path("out").join(format!("{table}.csv")));
        let lines = fs::read_to_string(scratch.path("out").join(format!("{table}.jsonl"))).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), lines.len(), "{table}");
        for (row, line) in rows.iter().zip(&lines) {
            for (column, value) in line.as_object().unwrap() {
                let cell = row.get(column);
                match value {
                    Value::Null => assert_eq!(cell, "", "{table}.{column}"),
                    Value::Array(members) => {
                        let members: Vec<&str> = members.iter().map(|member| member.as_str().unwrap()).collect();
                        assert_eq!(cell, members.join(";"), "{table}.{column}");
                    }
                    Value::String(text) => assert_eq!(cell, text, "{table}.{column}"),
                    Value::Number(number) => {
                        let (shown, written) = (cell.parse::<f64>().unwrap(), number.as_f64().unwrap());
                        assert!((shown - written).abs() < 1e-9, "{table}.{column}: {shown} and {written}");
                    }
                    Value::Bool(flag) => assert_eq!(cell, flag.to_string(), "{table}.{column}"),
                    Value::Object(_) => panic!("{table}.{column} is an object"),
                }
            }
        }
    }
}

#[test]
fn parquet_is_typed_and_holds_what_csv_holds() {
    let scratch = analyzed("formats-parquet");
    let script = r#"
import csv, datetime, polars as pl
for table in ["errors", "causes", "findings", "connections"]:
    frame = pl.read_parquet(f"out/{table}.parquet")
    rows = list(csv.DictReader(open(f"out/{table}.csv", encoding="utf-8", newline="")))
    assert len(rows) == frame.height, table
    assert list(rows[0]) == frame.columns, table
    for name, dtype in frame.schema.items():
        if name.endswith("_time"):
            assert dtype == pl.Datetime("ns", "UTC"), (table, name, dtype)
        if name.endswith(("_ms", "_s")) and name != "threads":
            assert dtype == pl.Float64, (table, name, dtype)
    for row, typed in zip(rows, frame.iter_rows(named=True)):
        for name, value in typed.items():
            cell = row[name]
            if value is None:
                assert cell == "", (table, name, cell)
            elif isinstance(value, list):
                assert cell == ";".join(value), (table, name, cell)
            elif isinstance(value, bool):
                assert cell == str(value).lower(), (table, name, cell)
            elif isinstance(value, datetime.datetime):
                assert cell == value.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), (table, name, cell, value)
            elif isinstance(value, float):
                assert abs(float(cell) - value) < 0.0051, (table, name, cell, value)
            else:
                assert cell == str(value), (table, name, cell, value)
errors = pl.read_parquet("out/errors.parquet")
assert errors.schema["log_line"] == pl.UInt64 and errors.schema["also_possible"] == pl.List(pl.String)
assert errors.schema["peer_closed_before_send"] == pl.Boolean
print(errors.height)
"#;
    let rows = read_csv(&scratch.path("out/errors.csv")).len();
    assert_eq!(python(&scratch, script).trim(), rows.to_string());
}

#[test]
fn the_queries_of_readme_run() {
    let scratch = analyzed("formats-queries");
    let queries = blocks("sql");
    assert!(queries.len() >= 2, "README.md has {} queries", queries.len());
    for query in queries {
        let script =
            format!("import duckdb\nfor row in duckdb.sql({query:?}).fetchall():\n    print(*row, sep=\"\\t\")\n");
        let shown = python(&scratch, &script);
        assert!(shown.lines().count() > 1, "{query}\n{shown}");
    }
    let scripts = blocks("python");
    assert!(!scripts.is_empty());
    for script in scripts {
        assert!(python(&scratch, &script).contains("calls"), "{script}");
    }
    // The first query by another way: the most frequent pair of host and cause.
    let script = format!("import duckdb\nprint(*duckdb.sql({:?}).fetchall()[0][:3])", blocks("sql")[0]);
    let causes = read_csv(&scratch.path("out/causes.csv"));
    let most = causes.iter().map(|row| (row.number("count").unwrap() as u64, row)).max_by(|(a, x), (b, y)| {
        a.cmp(b).then_with(|| y.get("host").cmp(x.get("host"))).then_with(|| y.get("cause").cmp(x.get("cause")))
    });
    let (count, row) = most.unwrap();
    assert_eq!(python(&scratch, &script).trim(), format!("{} {} {count}", row.get("host"), row.get("cause")));
}

#[test]
fn tables_on_standard_output_take_every_form() {
    let scratch = Scratch::new("formats-stdout");
    let log = root().join("samples/harbor-cut/ssg_0_0.log");
    let run = |form: &str| scratch.wirecause(0, &["errors", log.to_str().unwrap(), "--format", form]).stdout();
    let rows = crate::harness::parse_csv(&run("csv"));
    assert_eq!(run("json").lines().count(), rows.len());
    let text = run("table");
    assert_eq!(text.lines().count(), rows.len() + 1);
    assert!(text.lines().nth(1).unwrap().contains(rows[0].get("error_id")), "{text}");
    assert!(run("parquet").starts_with("PAR1"));
}
