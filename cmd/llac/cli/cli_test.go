package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/llac-project/llac/cmd/llac/cli"
	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/messaging"
)

var update = flag.Bool("update", false, "write the golden files again")

// noon is the time of every golden test.
type noon struct{}

func (noon) Now() time.Time                                   { return time.Date(2025, 8, 3, 12, 0, 0, 0, time.UTC) }
func (noon) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// llac runs one command line and returns its streams and its exit status.
func llac(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &cli.App{Stdout: &out, Stderr: &errs, Clock: noon{}, Getenv: func(string) string { return "" }}
	status = a.Execute(context.Background(), args)
	return out.String(), errs.String(), status
}

// bury puts dead letters into the fetcher's queue: the event, a body that is not an event, and an event type of a later
// build.
func bury(t *testing.T, dir string, dead events.Event) {
	t.Helper()
	n := 0
	cloud, err := aws.Start(context.Background(),
		aws.Options{Dir: dir, NewID: func() string { n++; return fmt.Sprintf("%08x-0000-4000-8000-000000000000", n) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, client := context.Background(), sqs.NewFromConfig(cloud.Config())
	queue, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: awssdk.String(messaging.DeadLetterQueueName("local",
		"fetcher"))})
	if err != nil {
		t.Fatal(err)
	}
	body, err := dead.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	later := bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("requested.v1"), []byte("requested.v9")), []byte("places/"), []byte("other/"))
	for i, b := range [][]byte{body, []byte("Maria 600 000 001"), later} {
		at := time.Date(2025, 8, 3, 5, 15, i, 0, time.UTC).Format(time.RFC3339Nano)
		attributes := map[string]types.MessageAttributeValue{}
		for name, value := range map[string]string{
			messaging.AttributeReason:        "describe socrata abcd-1234: the portal responded with status 404",
			messaging.AttributeFirstReceived: at,
			messaging.AttributeFailedAt:      at, messaging.AttributeReceiveCount: "1", messaging.AttributeService: "fetcher",
			messaging.AttributeTrace: trace,
		} {
			attributes[name] = types.MessageAttributeValue{DataType: awssdk.String("String"), StringValue: &value}
		}
		if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: awssdk.String(string(b)),
			MessageAttributes: attributes}); err != nil {
			t.Fatal(err)
		}
	}
	if err := cloud.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestGolden compares the output of every reading command, as text and as JSON, with the golden files.
func TestGolden(t *testing.T) {
	t.Parallel()
	dir, dead := prepared(t)
	bury(t, dir, dead)
	ids := letterIDs(t, dir)
	for _, c := range []struct{ name, args string }{
		{"status", "status"},
		{"runs", "runs"},
		{"runs_limit", "runs --limit 1 --dataset places"},
		{"runs_none", "runs --dataset nothing"},
		{"show_published", "show places/20250801T051500"},
		{"show_rejected", "show 20250802T051500"},
		{"show_failed", "show latest places"},
		{"show_missing", "show 20200101T000000"},
		{"show_two_names", "show 20250801T051500 places"},
		{"dlq_list", "dlq list"},
		{"dlq_list_of_none", "dlq list stager"},
		{"dlq_list_of_unknown", "dlq list baker"},
		{"dlq_show", "dlq show DEAD"},
		{"dlq_show_not_an_event", "dlq show NOEVENT"},
		{"dlq_show_missing", "dlq show ffffffff"},
		{"dlq_replay_of_nothing", "dlq replay"},
		{"datasets_list", "datasets list --datasets testdata/datasets"},
		{"datasets_check", "datasets check --datasets testdata/datasets"},
		{"datasets_check_broken", "datasets check testdata/broken/places.odcs.yaml"},
		{"datasets_check_missing", "datasets check testdata/none.odcs.yaml"},
		{"datasets_no_folder", "datasets list --datasets testdata/none"},
		{"run_broken", "run --datasets testdata/broken --no-marts"},
		{"run_unknown", "run --datasets testdata/datasets --no-marts nothing"},
		{"run_no_project", "run --datasets testdata/datasets --dbt testdata/none"},
		{"marts_list", "marts list"},
		{"marts_no_project", "marts --datasets testdata/datasets --dbt testdata/none"},
		{"marts_bad_env", "marts build --env Dev!"},
		{"marts_unknown", "marts bake"},
		{"marts_clean", "marts clean --dry-run"},
		{"marts_clean_now", "marts clean --days 0"},
		{"datasets_dbt_no_project", "datasets dbt --datasets testdata/datasets --dbt testdata/none"},
		{"run_bad_portal", "run --portal real"},
		{"run_bad_level", "run --log-level loud"},
		{"deploy_check_ok", "deploy check stager --deployed testdata/deployed/first.json --build new"},
		{"deploy_check_refused", "deploy check stager --deployed testdata/deployed/older.json --build new"},
		{"deploy_check_order", "deploy check --deployed testdata/deployed/older.json --build new"},
		{"deploy_check_same", "deploy check --deployed testdata/deployed/same.json"},
		{"deploy_check_unknown", "deploy check baker --deployed testdata/deployed/first.json"},
		{"deploy_check_of_nothing", "deploy check stager"},
		{"deploy_check_bad_file", "deploy check stager --deployed testdata/deployed/none.json"},
		{"cost_idle", "cost --plan ../../../operations/cost/testdata/dev"},
		{"help_cost", "help cost"},
		{"help_ingest", "help ingest"},
		{"help_deploy_check", "help deploy check"},
		{"help_deploy_running", "help deploy running"},
		{"help_deploy_bom", "help deploy bom"},
		{"deploy_running_nowhere", "deploy running"},
		{"deploy_running_unknown", "deploy running baker --env dev"},
		{"deploy_running_of_all", "deploy running --env dev --out bin/packages"},
		{"deploy_bom_unknown", "deploy bom baker"},
		{"help_backfill", "help backfill"},
		{"help_restore", "help restore"},
		{"help_datasets_publish", "help datasets publish"},
		{"help_doctor", "help doctor"},
		{"help_dlq_replay", "help dlq replay"},
		{"restore_from_nowhere", "restore --env dev"},
		{"backfill_of_nothing", "backfill population --env x_y --slice 2023"},
		{"unknown_command", "jump"},
		{"unknown_flag", "status --colour"},
		{"exit_codes", "help exit-codes"},
		{"help", "help"},
		{"help_run", "help run"},
		{"help_marts", "help marts"},
		{"help_marts_clean", "help marts clean"},
		{"help_stage", "help stage"},
		{"help_sql", "help sql"},
		{"help_export", "help export"},
		{"export_of_missing_files", "export places"},
		{"export_of_nothing", "export nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := c.args
			for name, id := range ids {
				args = strings.ReplaceAll(args, name, id)
			}
			command := append(strings.Fields(args), "--dir", dir)
			stdout, stderr, status := llac(t, command...)
			got := fmt.Sprintf("$ llac %s\n%s", c.args, stdout)
			if stderr != "" {
				got += "--- standard error\n" + stderr
			}
			got += fmt.Sprintf("--- exit status %d\n", status)
			if strings.HasPrefix(c.name, "help") || c.name == "exit_codes" {
				golden(t, c.name+".txt", dir, got)
				return
			}
			document, jsonErr, jsonStatus := llac(t, append(command, "--json")...)
			if jsonErr != "" || jsonStatus != status {
				t.Errorf("--json: standard error %q, exit status %d, want %d", jsonErr, jsonStatus, status)
			}
			var envelope struct {
				OK      *bool            `json:"ok"`
				Command *string          `json:"command"`
				Data    *json.RawMessage `json:"data"`
				Error   json.RawMessage  `json:"error"`
			}
			decoder := json.NewDecoder(strings.NewReader(document))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&envelope); err != nil || envelope.OK == nil || *envelope.OK != (status == 0) ||
				envelope.Command == nil ||
				*envelope.Command == "" {
				t.Errorf("--json: the envelope is invalid: %v\n%s", err, document)
			}
			golden(t, c.name+".txt", dir, got)
			golden(t, c.name+".json", dir, document)
		})
	}
}

// letterIDs returns the ids of the dead letters, which the local cloud assigns.
func letterIDs(t *testing.T, dir string) map[string]string {
	t.Helper()
	stdout, _, _ := llac(t, "dlq", "list", "--json", "--dir", dir)
	var list struct {
		Data struct {
			Letters []struct {
				ID    string `json:"id"`
				Event string `json:"event"`
			} `json:"letters"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || len(list.Data.Letters) != 3 {
		t.Fatalf("dlq list --json: %v\n%s", err, stdout)
	}
	return map[string]string{"DEAD": list.Data.Letters[0].ID, "NOEVENT": list.Data.Letters[1].ID}
}

func golden(t *testing.T, name, dir, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, dir, "$DIR")
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test -update makes it", err)
	}
	if got != string(want) {
		t.Errorf("%s is not what was expected (go test -update accepts it):\n%s", name, got)
	}
}

// A body that is not an event is never shown, because its contents are unknown (invariant 8).
func TestUnknownBodiesAreNotShown(t *testing.T) {
	t.Parallel()
	dir, dead := prepared(t)
	bury(t, dir, dead)
	id := letterIDs(t, dir)["NOEVENT"]
	for _, args := range [][]string{{"dlq", "list"}, {"dlq", "show", id}, {"dlq", "list", "--json"}, {"dlq", "show", id, "--json"}} {
		stdout, stderr, _ := llac(t, append(args, "--dir", dir)...)
		if strings.Contains(stdout+stderr, "Maria") || strings.Contains(stdout+stderr, "600 000") {
			t.Errorf("%v shows the body", args)
		}
	}
}

// Commands that read create nothing in a directory without a lake.
func TestReadingCreatesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{{"status"}, {"runs"}, {"show", "latest"}, {"dlq", "list"}, {"dlq", "replay", "--all"},
		{"sql", "select 1"}, {"export", "population"}} {
		_, stderr, status := llac(t, append(args, "--dir", dir)...)
		if status != 8 || !strings.Contains(stderr, "llac run --dir "+dir) {
			t.Errorf("%v: exit status %d, %q", args, status, stderr)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Fatalf("%v created the directory", args)
		}
	}
}

// The directory can be read while another process owns it.
func TestReadingWhileAnotherProcessOwns(t *testing.T) {
	t.Parallel()
	dir, dead := prepared(t)
	bury(t, dir, dead)
	cloud, err := aws.Start(context.Background(), aws.Options{Dir: dir, OwnerNote: "llac run"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cloud.Close() }()
	if err := os.WriteFile(filepath.Join(dir, "endpoint.json"), []byte(`{"endpoint":"`+cloud.Endpoint()+`"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := llac(t, "status", "--dir", dir)
	if status != 0 || !strings.Contains(stdout, fmt.Sprintf("Process %d is running here", os.Getpid())) ||
		!strings.Contains(stdout, "3 dead letters") {
		t.Errorf("status: %d\n%s%s", status, stdout, stderr)
	}
	// A letter that another reader holds for a moment, or whose response was lost, is waited for.
	client := sqs.NewFromConfig(cloud.Config())
	queue, err := client.GetQueueUrl(context.Background(),
		&sqs.GetQueueUrlInput{QueueName: awssdk.String(messaging.DeadLetterQueueName("local", "fetcher"))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.ReceiveMessage(context.Background(),
		&sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, VisibilityTimeout: 1}); err != nil {
		t.Fatal(err)
	}
	letterIDs(t, dir)
	if _, stderr, status := llac(t, "run", "--no-marts", "--dir", dir, "--datasets", "testdata/datasets"); status != 5 ||
		!strings.Contains(stderr, fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("run: %d %s", status, stderr)
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	dir, dead := prepared(t)
	bury(t, dir, dead)
	results := func(args ...string) (map[string]string, int) {
		stdout, _, status := llac(t, append([]string{"doctor", "--json", "--dir", dir}, args...)...)
		var reply struct {
			Data struct {
				Findings []struct{ Check, Result, Found, Fix string } `json:"findings"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(stdout), &reply); err != nil {
			t.Fatalf("%v\n%s", err, stdout)
		}
		out := map[string]string{}
		for _, f := range reply.Data.Findings {
			out[f.Check] = f.Result
			if f.Result != "ok" && f.Fix == "" {
				t.Errorf("%s is %s and has no fix: %s", f.Check, f.Result, f.Found)
			}
		}
		return out, status
	}
	got, status := results("--datasets", "testdata/datasets")
	for check, want := range map[string]string{"directory": "ok", "loopback": "ok", "contracts": "ok", "marts": "warn", "owner": "ok",
		"queues": "ok", "dead letters": "warn", "unfinished": "ok"} {
		if got[check] != want {
			t.Errorf("%s is %q, want %s", check, got[check], want)
		}
	}
	if status != 0 {
		t.Errorf("exit status %d for a warning", status)
	}
	// A process died without releasing the directory, with a request in progress.
	for name, body := range map[string]string{
		"owner.lock":      `{"pid":99999999,"host":"h","since":"2025-08-03T05:15:00Z","command":"llac run"}`,
		"unfinished.json": `{"requests":[{"dataset":"places","slot":"20250803T051500"}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, status = results("--datasets", "testdata/broken")
	if got["owner"] != "warn" || got["unfinished"] != "warn" || got["contracts"] != "fail" || status != 7 {
		t.Errorf("a directory with problems: %v, exit status %d", got, status)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	stdout, _, status := llac(t, "version", "--json")
	if status != 0 || !strings.Contains(stdout, `"go": "go1.`) {
		t.Errorf("version: %d %s", status, stdout)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	stdout, _, _ := llac(t, "__complete", "run", "--datasets", "testdata/datasets", "")
	if !strings.Contains(stdout, "places\n") {
		t.Errorf("completion of run: %q", stdout)
	}
	if stdout, _, status := llac(t, "completion", "bash"); status != 0 || !strings.Contains(stdout, "llac") {
		t.Errorf("completion bash: %d", status)
	}
}
