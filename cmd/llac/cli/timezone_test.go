package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// readings is the contract of a dataset with instants.
const readings = `apiVersion: v3.1.0
kind: DataContract
id: llac-readings
name: Readings of meters
version: 1.0.0
status: active
description: {purpose: Readings of meters by instant.}
team: {name: Llac data team}
servers:
  - server: portal
    type: api
    location: https://portal.example.cat
    customProperties:
      - {property: llacPortal, value: socrata}
      - {property: llacSourceId, value: abcd-1234}
schema:
  - name: readings
    logicalType: object
    dataGranularityDescription: One row per meter.
    properties:
      - {name: meter_id, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1, description: Id of the meter.}
      - {name: read_at, logicalType: timestamp, description: Instant of the reading.}
      - {name: read_on, logicalType: date, description: Day of the reading.}
slaProperties:
  - {property: frequency, value: 1, unit: d, scheduler: cron, schedule: "30 6 * * *"}
  - {property: latency, value: 36, unit: h}
customProperties:
  - {property: llacLicence, value: CC0}
  - {property: llacAttribution, value: "Source: a test."}
`

// TestTimeZoneOfTheMachine exports and queries the same snapshot under several time zones. The instants are near midnight,
// New Year and the changes of the clocks.
func TestTimeZoneOfTheMachine(t *testing.T) {
	t.Parallel()
	openPython(t)
	m, ctx, datasets := newMachine(t), context.Background(), t.TempDir()
	page := filepath.Join(t.TempDir(), "page.json")
	for file, text := range map[string]string{
		filepath.Join(datasets, "readings.odcs.yaml"): readings,
		page: `[{"meter_id":"a","read_at":"2024-03-31T02:30:00.000","read_on":"2024-03-31"},` +
			`{"meter_id":"b","read_at":"2024-10-27T02:30:00.250","read_on":"2024-10-27T00:00:00.000"},` +
			`{"meter_id":"c","read_at":"2024-01-01T00:00:00.000"},{"meter_id":"d","read_at":"2023-12-31T23:59:59.999"}]`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if status := m.app(&out, &errs).Execute(ctx, []string{"ingest", "--dir", m.dir, "--datasets", datasets, "--dataset", "readings",
		"--file", page, "--reason", "a test"}); status != 0 {
		t.Fatalf("ingest: exit status %d\n%s%s", status, out.String(), errs.String())
	}
	const query = "select meter_id, read_at, read_at::date as day, read_at::varchar as text, extract(hour from read_at) as hour, " +
		"current_setting('TimeZone') as zone from readings order by 1"
	want := ""
	for _, zone := range []string{"UTC", "Europe/Madrid", "America/New_York"} {
		folder := t.TempDir()
		run := func(args ...string) string {
			c := exec.CommandContext(ctx, os.Args[0], append(args, "--dir", m.dir, "--datasets", datasets)...)
			c.Env = append(os.Environ(), asMain+"=1", "TZ="+zone)
			b, err := c.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v: %v\n%s", zone, args, err, b)
			}
			return strings.ReplaceAll(string(b), folder, "FOLDER")
		}
		var got strings.Builder
		for _, format := range []string{"table", "csv"} {
			got.WriteString(run("sql", query, "--format", format))
		}
		for _, name := range []string{"readings.csv", "readings.xlsx", "readings.parquet"} {
			got.WriteString(run("export", "readings", "--out", filepath.Join(folder, name)))
		}
		files, err := os.ReadDir(folder)
		if err != nil || len(files) != 3 {
			t.Fatalf("%s: %d files, %v", zone, len(files), err)
		}
		for _, f := range files {
			b, err := os.ReadFile(filepath.Join(folder, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			got.WriteString(f.Name() + "\n" + string(b))
		}
		if want == "" {
			want = got.String()
			wants(t, "the output", want, "c,2024-01-01 00:00:00+00:00,2024-01-01,", "d,2023-12-31 23:59:59.999000+00:00,2023-12-31,",
				",UTC\n")
		}
		if got.String() != want {
			t.Errorf("under %s the bytes differ from those under UTC:\n%.4000q\nwant\n%.4000q", zone, got.String(), want)
		}
	}
}
