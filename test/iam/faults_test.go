//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package iam

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/source/socrata"
)

// happy publishes all datasets, checks their sources again, and sweeps.
func (w *deployment) happy() {
	w.t.Helper()
	w.deploy()
	datasets := datasetFiles(w.t)
	if len(datasets) == 0 {
		w.t.Fatal("no datasets")
	}
	// In alphabetical order, datasets come before those that they refer to, and wait for them.
	for _, d := range datasets {
		w.request(d, time.Now().UTC(), false)
	}
	w.ended(events.LandingDeleted{}, "", datasets...)
	w.quiet()
	// A tick finds due slots, unchanged sources, and one stale dataset.
	w.age("municipalities", 60*24*time.Hour)
	w.send("scheduler", "tick", events.ScheduleTicked{ScheduledAt: time.Now().UTC()})
	w.ended(events.DatasetStale{}, "", "municipalities")
	w.ended(events.ExtractionUnchanged{}, "", slices.DeleteFunc(datasets, func(d string) bool { return d == "municipalities" })...)
	w.quiet()
	w.sweep(24 * time.Hour)
}

// age moves the publication of a dataset into the past.
func (w *deployment) age(dataset string, by time.Duration) {
	w.t.Helper()
	p, etag, err := lake.ReadPointer(w.t.Context(), w.lake, dataset)
	if err != nil || p == nil {
		w.t.Fatalf("pointer of %s: %v %v", dataset, p, err)
	}
	p.PublishedAt = p.PublishedAt.Add(-by)
	if _, err := w.lake.CompareAndSwap(w.t.Context(), lake.PointerKey(dataset), lake.Encode(p), etag); err != nil {
		w.t.Fatal(err)
	}
}

// sweep sends the daily tick, of a day to come.
func (w *deployment) sweep(ahead time.Duration) {
	w.t.Helper()
	at := time.Now().UTC().Add(ahead)
	w.send("landing-janitor", "sweep/"+lake.Slot(at), events.SweepTicked{ScheduledAt: at})
	w.quiet()
	if _, _, err := w.lake.Get(w.t.Context(), "runs/_sweeps/"+lake.Slot(at)+".json"); err != nil {
		w.fail("the sweep wrote no receipt: %v", err)
	}
}

// librariesID is a test dataset: partitioned, with quarantined rows.
const librariesID = "llib-0001"

// libraries returns n rows; the code of every hundredth is invalid.
func libraries(n int) portal.Dataset {
	d := portal.Dataset{ID: librariesID, Title: "Biblioteques", Columns: []portal.Column{{Name: "codi"}, {Name: "nom"},
		{Name: "districte"}}}
	for i := range n {
		row := portal.Row{"codi": fmt.Sprintf("B%04d", i), "nom": fmt.Sprintf("Biblioteca %d", i), "districte": fmt.Sprint(i%10 + 1)}
		if i%100 == 50 {
			row["codi"] = "?"
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

// collectionsID is a test dataset so large that its files are uploaded in parts.
const collectionsID = "lcol-0001"

// collections returns rows of random text that does not compress; every other row is quarantined.
func collections() portal.Dataset {
	d := portal.Dataset{ID: collectionsID, Title: "Fons", Columns: []portal.Column{{Name: "codi"}, {Name: "nom"}, {Name: "districte"}}}
	text := make([]byte, 720)
	for i := range 24_000 {
		_, _ = rand.Read(text) // never fails
		row := portal.Row{"codi": fmt.Sprintf("B%05d", i), "nom": base64.RawURLEncoding.EncodeToString(text), "districte": "1"}
		if i%2 == 1 {
			row["codi"] = "?"
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

// contractOf returns the contract of one of the two.
func contractOf(name, id string, pageSize int, pattern string, partitioned bool) string {
	partition := "\n        partitioned: true\n        partitionKeyPosition: 1"
	if !partitioned {
		partition = ""
	}
	return strings.NewReplacer("{name}", name, "{id}", id, "{page}", fmt.Sprint(pageSize), "{pattern}", pattern, "{partition}",
		partition).Replace(`
apiVersion: v3.1.0
kind: DataContract
id: test-{name}
name: Of the test
version: 1.0.0
status: active
description: {purpose: Of the test.}
team: {name: Tests}
servers:
  - server: portal
    type: api
    location: https://analisi.transparenciacatalunya.cat
    customProperties:
      - {property: llacPortal, value: socrata}
      - {property: llacSourceId, value: {id}}
      - {property: llacPageSize, value: {page}}
schema:
  - name: {name}
    logicalType: object
    dataGranularityDescription: One row per library.
    customProperties:
      - {property: llacKeyConflict, value: quarantine}
      - property: llacDrift
        value: {added: report, missing: reject, retyped: reject}
    properties:
      - name: library_id
        logicalType: string
        logicalTypeOptions: {pattern: '{pattern}'}
        required: true
        primaryKey: true
        primaryKeyPosition: 1
        description: Code.
        customProperties:
          - {property: llacSource, value: codi}
      - name: library_name
        logicalType: string
        required: true
        description: Name.
        customProperties:
          - {property: llacSource, value: nom}
      - name: district_id
        logicalType: string
        required: true{partition}
        description: District.
        customProperties:
          - {property: llacSource, value: districte}
          - {property: llacPadLeft, value: 2}
    quality:
      - name: does_not_shrink
        type: custom
        engine: llac
        implementation: {metric: row_count_change_percent, mustBeGreaterOrEqualTo: -20}
slaProperties:
  - {property: frequency, value: 1, unit: d, scheduler: cron, schedule: "0 6 * * *"}
  - {property: latency, value: 2, unit: d}
  - {property: retention, value: 90, unit: d}
customProperties:
  - {property: llacTimezone, value: Europe/Madrid}
  - {property: llacLicence, value: Open}
  - {property: llacLicenceUrl, value: "https://example.org/licence"}
  - {property: llacAttribution, value: Invented by the test.}
`)
}

// faults injects each fault once.
type faults struct {
	mu     sync.Mutex
	w      *deployment
	struck map[string]bool
}

// once reports whether it is called with a name for the first time.
func (f *faults) once(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.struck[name] {
		return false
	}
	f.struck[name] = true
	return true
}

// varying matches what differs between keys of one shape: numbers and digests.
var varying = regexp.MustCompile(`[0-9a-f]{12,}|[0-9]+`)

// cloud loses the response to a service's first publication and to its first write of each shape of key in the layers that are read
// back, after it refused one write and let another lose a race. The SDK waits before it retries, so that not every response is lost.
func (f *faults) cloud(r *http.Request) aws.Fault {
	m := credential.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil || !slices.Contains(Services(), m[1]) {
		return aws.Fault{}
	}
	role, key := m[1], r.URL.Path
	switch {
	case r.Form.Get("Action") == "Publish":
		return aws.Fault{LoseResponse: f.once("published by " + role)}
	case r.Method == http.MethodPut && r.URL.Query().Has("uploadId"): // see before
	case r.Method == http.MethodPost && r.URL.Query().Has("uploadId"):
		return aws.Fault{LoseResponse: f.once("completed")}
	case r.Method == http.MethodPut && strings.Contains(key, "/runs/collections/") && f.once("refused "+role):
		// A failed attempt that the SDK does not retry: the message is retried.
		return aws.Fault{Status: http.StatusBadRequest, Code: "InvalidRequest"}
	case r.Method == http.MethodPut && strings.Contains(key, "/state/") && f.once("raced "+key):
		return aws.Fault{Status: http.StatusPreconditionFailed}
	case r.Method == http.MethodPut:
		parts := strings.Split(key, "/")
		shape := parts[2] + "/" + varying.ReplaceAllString(parts[len(parts)-1], "#")
		lost := slices.Contains([]string{"landing", "staging", "quarantine", "runs"}, parts[2]) && f.once("put "+role+" "+shape)
		return aws.Fault{LoseResponse: lost}
	}
	return aws.Fault{}
}

// before refuses a part of an upload to each layer, and spoils the tables of a snapshot between its creation and the flip.
func (f *faults) before(o Operation, rw http.ResponseWriter, r *http.Request) bool {
	switch public := here.arn("glue", "table/"+here.Database()+"/libraries"); {
	case o.Name == "UploadPart" && f.once("part of "+layerOf(o)):
		_, _ = io.Copy(io.Discard, r.Body) // or the client would see a broken connection and retry
		rw.Header().Set("Content-Type", "application/xml")
		rw.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(rw, "<Error><Code>InvalidRequest</Code><Message>refused by the test</Message></Error>")
		return true
	case o.Service == "glue" && o.Name == "CreateTable" && slices.Equal(o.On["table"], []string{public}) && f.once("flip"):
		f.w.spoil("libraries")
		rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
		rw.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(rw).Encode(map[string]string{"__type": "InvalidInputException", "message": "refused by the test"})
		return true
	}
	return false
}

// layerOf returns the layer of the lake that an operation is about.
func layerOf(o Operation) string { return strings.Split(o.On["object"][0], "/")[1] }

// spoil changes a snapshot's table by hand: its location, and of its partitions it moves one, deletes one, and adds an unknown one.
func (w *deployment) spoil(dataset string) {
	ctx, database := w.t.Context(), here.Database()
	p, _, err := lake.ReadPointer(ctx, w.lake, dataset)
	if err != nil || p == nil {
		w.t.Errorf("pointer of %s: %v %v", dataset, p, err)
		return
	}
	name := catalogue.TableName(dataset, p.Snapshot)
	got, err := w.glue.GetTable(ctx, &glue.GetTableInput{DatabaseName: &database, Name: &name})
	if err != nil {
		w.t.Error(err)
		return
	}
	partitions, err := w.glue.GetPartitions(ctx, &glue.GetPartitionsInput{DatabaseName: &database, TableName: &name})
	if err != nil || len(partitions.Partitions) < 2 {
		w.t.Errorf("%d partitions of %s: %v", len(partitions.Partitions), name, err)
		return
	}
	elsewhere := "s3://elsewhere/"
	moved, gone := partitions.Partitions[0], partitions.Partitions[1]
	moved.StorageDescriptor.Location = &elsewhere
	_, err = w.glue.UpdatePartition(ctx, &glue.UpdatePartitionInput{
		DatabaseName: &database, TableName: &name, PartitionValueList: moved.Values,
		PartitionInput: &gluetypes.PartitionInput{Values: moved.Values, StorageDescriptor: moved.StorageDescriptor},
	})
	if err == nil {
		_, err = w.glue.CreatePartition(ctx, &glue.CreatePartitionInput{
			DatabaseName: &database, TableName: &name,
			PartitionInput: &gluetypes.PartitionInput{Values: []string{"unknown"}, StorageDescriptor: moved.StorageDescriptor},
		})
	}
	if err == nil {
		_, err = w.glue.DeletePartition(ctx, &glue.DeletePartitionInput{DatabaseName: &database, TableName: &name,
			PartitionValues: gone.Values})
	}
	if err == nil {
		storage := *got.Table.StorageDescriptor
		storage.Location = &elsewhere
		_, err = w.glue.UpdateTable(ctx, &glue.UpdateTableInput{DatabaseName: &database, TableInput: &gluetypes.TableInput{
			Name: &name, StorageDescriptor: &storage, PartitionKeys: got.Table.PartitionKeys, Parameters: got.Table.Parameters,
			TableType: got.Table.TableType,
		}})
	}
	if err != nil {
		w.t.Errorf("spoil %s: %v", name, err)
	}
}

// faults is the fault suite: lost responses, so that every event comes twice; a refused write in each stage; lost races; tables changed
// by hand; multipart uploads, interrupted; a fetch in two parts; rejected landings and candidates; a run that is too late; messages that
// no service understands; and the sweeps of a hundred days later.
func (w *deployment) faults() {
	w.t.Helper()
	f := &faults{w: w, struck: map[string]bool{}}
	if err := w.portal.Add(socrata.Name, libraries(100)); err != nil {
		w.t.Fatal(err)
	}
	if err := w.portal.Add(socrata.Name, collections()); err != nil {
		w.t.Fatal(err)
	}
	w.deploy(contractOf("libraries", librariesID, 25, `B\d{4}`, true), contractOf("collections", collectionsID, 8000, `B\d{5}`, false))
	w.interfere(f.before)
	// With a slow portal the fetcher continues by an event to itself.
	if err := w.portal.SetFaults(portal.Fault{Kind: portal.Slow, Delay: 2 * time.Second, Dataset: librariesID, Pages: true,
		Count: 4}); err != nil {
		w.t.Fatal(err)
	}
	start := time.Now().UTC()
	slot := w.request("libraries", start, false)
	w.ended(events.ExtractionContinued{}, slot, "libraries")
	w.ended(events.LandingDeleted{}, slot, "libraries")
	if err := w.portal.SetFaults(); err != nil {
		w.t.Fatal(err)
	}

	// An unchanged source, and then a second snapshot, with all faults of the cloud.
	w.cloud.SetFault(f.cloud)
	w.ended(events.ExtractionUnchanged{}, w.request("libraries", start.Add(time.Second), false), "libraries")
	if err := w.portal.RepublishAs(librariesID, portal.ChangeNothing, ""); err != nil {
		w.t.Fatal(err)
	}
	first, second := w.request("collections", start, false), w.request("libraries", start.Add(2*time.Second), false)
	w.ended(events.LandingDeleted{}, second, "libraries")
	w.ended(events.LandingDeleted{}, first, "collections")

	// A run that is too late, a rejected landing, and a rejected candidate.
	w.ended(events.RunSuperseded{}, w.request("libraries", start.Add(-time.Hour), true), "libraries")
	if err := w.portal.SetFaults(portal.Fault{Kind: portal.DropField, Field: "nom", Dataset: librariesID}); err != nil {
		w.t.Fatal(err)
	}
	w.ended(events.LandingRejected{}, w.request("libraries", start.Add(3*time.Second), true), "libraries")
	if err := w.portal.SetFaults(portal.Fault{Kind: portal.Shrink, Dataset: librariesID}); err != nil {
		w.t.Fatal(err)
	}
	w.ended(events.StagingRejected{}, w.request("libraries", start.Add(4*time.Second), true), "libraries")
	if err := w.portal.SetFaults(); err != nil {
		w.t.Fatal(err)
	}

	// A message that retrying cannot fix: a failure record and a dead letter.
	for _, s := range Services() {
		// A later version of an event that the service consumes.
		e := events.New(events.LandingDeleted{Run: events.Run{Dataset: "libraries", RunID: "20260101T000000"}})
		e.ID, e.Source, e.Time, e.Type = "later/"+s, "/llac/iam", start, strings.TrimSuffix(events.Consumes(s)[0], "v1")+"v9"
		body, err := e.Marshal()
		if err != nil {
			w.t.Fatal(err)
		}
		w.sendText(w.topology.Queues[s], string(body))
	}
	w.quiet()

	// Objects of abandoned attempts, and tables changed by hand.
	for _, key := range []string{lake.LandingPageKey("libraries", "20260101T000000", 0, strings.Repeat("a", 64)),
		lake.StagingKey("libraries", "20260101T000000", "gone", nil)} {
		if _, err := w.lake.Put(w.t.Context(), key, []byte("[]")); err != nil {
			w.t.Fatal(err)
		}
	}
	w.spoil("libraries")
	public, database := "libraries", here.Database()
	if _, err := w.glue.DeleteTable(w.t.Context(), &glue.DeleteTableInput{DatabaseName: &database, Name: &public}); err != nil {
		w.t.Fatal(err)
	}
	w.sweep(100 * 24 * time.Hour)
	w.sweep(101 * 24 * time.Hour)
	w.cloud.SetFault(nil)
	w.interfere(nil)
	for _, name := range []string{"flip", "part of staging", "part of quarantine"} {
		if f.once(name) {
			w.t.Errorf("the fault %q was never injected", name)
		}
	}
	for _, s := range Services() {
		if f.once("refused " + s) {
			w.t.Errorf("no write of %s was refused", s)
		}
	}
}
