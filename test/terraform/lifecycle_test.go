package terraform

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const day = 24 * time.Hour

// lifecycleRule is one of a bucket's, as S3 has it.
type lifecycleRule struct {
	id, prefix      string
	expireDays      int // of current versions; 0: never
	expiredMarkers  bool
	noncurrentDays  int
	infrequentDays  int
	abortDays       int
	infrequentLeast int64 // bytes
}

// lifecycles returns the rules of each bucket in stacks/storage, by the module's name, from Terraform's own plan.
func lifecycles(t *testing.T, variables string) map[string][]lifecycleRule {
	t.Helper()
	out := map[string][]lifecycleRule{}
	one := func(v any) map[string]any {
		if list, ok := v.([]any); ok && len(list) == 1 {
			m, _ := list[0].(map[string]any)
			return m
		}
		return nil
	}
	number := func(m map[string]any, key string) int {
		f, _ := m[key].(float64)
		return int(f)
	}
	for _, r := range mocked(t, "stacks/storage", variables) {
		if r.Type != "aws_s3_bucket_lifecycle_configuration" {
			continue
		}
		module := strings.TrimPrefix(strings.SplitN(r.Address, ".aws_s3", 2)[0], "module.")
		rules, _ := r.Change.After["rule"].([]any)
		for _, raw := range rules {
			m := raw.(map[string]any)
			if m["status"] != "Enabled" {
				t.Errorf("%s: rule %v is not enabled", module, m["id"])
			}
			prefix, ok := one(m["filter"])["prefix"].(string)
			if !ok {
				t.Fatalf("%s: rule %v has a filter that is not understood: %v", module, m["id"], m["filter"])
			}
			rule := lifecycleRule{id: m["id"].(string), prefix: prefix,
				expireDays: number(one(m["expiration"]), "days"), noncurrentDays: number(one(m["noncurrent_version_expiration"]),
					"noncurrent_days"),
				abortDays: number(one(m["abort_incomplete_multipart_upload"]), "days_after_initiation")}
			rule.expiredMarkers, _ = one(m["expiration"])["expired_object_delete_marker"].(bool)
			transitions, _ := m["transition"].([]any)
			for _, tr := range transitions {
				tr := tr.(map[string]any)
				if tr["storage_class"] != "STANDARD_IA" {
					t.Errorf("%s: rule %s moves to %v", module, rule.id, tr["storage_class"])
				}
				rule.infrequentDays = number(tr, "days")
			}
			if r.text("transition_default_minimum_object_size") == "all_storage_classes_128K" {
				rule.infrequentLeast = 128 << 10
			}
			if moves, _ := m["noncurrent_version_transition"].([]any); len(moves) > 0 {
				t.Errorf("%s: rule %s moves noncurrent versions, which the simulation does not support", module, rule.id)
			}
			out[module] = append(out[module], rule)
		}
	}
	return out
}

// A version of an object in a versioned bucket.
type version struct {
	id         int
	created    time.Time
	size       int64
	marker     bool
	noncurrent time.Time // since; zero: it is current
	infrequent bool
}

// bucket simulates what S3 does to a versioned bucket under lifecycle rules, with a clock of its own. As AWS documents it ("Lifecycle
// configuration elements"): days count from creation, or from when a version became noncurrent, and are over at the midnight after.
type bucket struct {
	rules   []lifecycleRule
	now     time.Time
	objects map[string][]*version // the latest last
	uploads map[string]time.Time  // that were never finished
	next    int
}

func newBucket(rules []lifecycleRule, now time.Time) *bucket {
	return &bucket{rules: rules, now: now, objects: map[string][]*version{}, uploads: map[string]time.Time{}}
}

func (b *bucket) add(key string, v *version) int {
	if all := b.objects[key]; len(all) > 0 {
		all[len(all)-1].noncurrent = b.now
	}
	b.next++
	v.id, v.created = b.next, b.now
	b.objects[key] = append(b.objects[key], v)
	return v.id
}

func (b *bucket) put(key string, size int64) int { return b.add(key, &version{size: size}) }

// remove is a plain delete, which hides the object.
func (b *bucket) remove(key string) { b.add(key, &version{marker: true}) }

// erase deletes one version, as the landing-janitor does.
func (b *bucket) erase(key string, id int) {
	b.objects[key] = slices.DeleteFunc(b.objects[key], func(v *version) bool { return v.id == id })
	b.settle(key)
}

func (b *bucket) settle(key string) {
	all := b.objects[key]
	if len(all) == 0 {
		delete(b.objects, key)
		return
	}
	all[len(all)-1].noncurrent = time.Time{}
}

// over reports whether a number of days has passed, counted as S3 counts.
func (b *bucket) over(since time.Time, days int) bool {
	return days > 0 && !b.now.Before(since.Add(time.Duration(days)*day).Truncate(day).Add(day))
}

// wait lets days pass, one midnight at a time.
func (b *bucket) wait(days int) {
	for range days {
		b.now = b.now.Add(day)
		for key := range b.objects {
			for _, r := range b.rules {
				if strings.HasPrefix(key, r.prefix) {
					b.apply(key, r)
				}
			}
		}
		for key, since := range b.uploads {
			for _, r := range b.rules {
				if strings.HasPrefix(key, r.prefix) && b.over(since, r.abortDays) {
					delete(b.uploads, key)
				}
			}
		}
	}
}

func (b *bucket) apply(key string, r lifecycleRule) {
	b.objects[key] = slices.DeleteFunc(b.objects[key], func(v *version) bool {
		return !v.noncurrent.IsZero() && b.over(v.noncurrent, r.noncurrentDays)
	})
	all := b.objects[key]
	if len(all) == 0 {
		delete(b.objects, key)
		return
	}
	last := all[len(all)-1]
	switch {
	case last.marker && len(all) == 1 && r.expiredMarkers:
		delete(b.objects, key)
	case !last.marker && b.over(last.created, r.expireDays):
		b.remove(key)
	case !last.marker && b.over(last.created, r.infrequentDays) && last.size >= r.infrequentLeast:
		last.infrequent = true
	}
}

// has reports whether a version still exists.
func (b *bucket) has(key string, id int) bool {
	return slices.ContainsFunc(b.objects[key], func(v *version) bool { return v.id == id })
}

// current returns the object that a reader gets, or nil.
func (b *bucket) current(key string) *version {
	if all := b.objects[key]; len(all) > 0 && !all[len(all)-1].marker {
		return all[len(all)-1]
	}
	return nil
}

// TestFourHundredDaysOfALake simulates the lifecycle that Terraform sets.
func TestFourHundredDaysOfALake(t *testing.T) {
	t.Parallel()
	all := lifecycles(t, "")
	start := time.Date(2025, 8, 3, 14, 5, 12, 0, time.UTC)
	b := newBucket(all["data"], start)
	const large, small = 10 << 20, 100 << 10

	// A run is published on the first day, and superseded on the 200th.
	landing, refused := "landing/things/ingested_process_at=20250803T140512/0.json",
		"landing/things/ingested_process_at=20250804T140512/0.json"
	page := b.put(landing, large)
	old, oldSmall := b.put("staging/things/ingested_process_at=20250803T140512-a/p=1/things.parquet", large),
		b.put("staging/things/ingested_process_at=20250803T140512-a/p=2/things.parquet", small)
	kept := map[string]int{}
	for _, key := range []string{
		"archive/things/20250803T140512/0.json.zst", "evidence/things/20250803T140512.json", "quality/things/20250803T140512.json",
		"runs/things/20250803T140512/stager.json",
		"quarantine/things/20250803T140512/rows.parquet", "dead-letters/stager/1.json", "state/things/history/20250803T140512.json",
		"marts/facts/f/build=1/f.parquet", refused,
	} {
		kept[key] = b.put(key, small)
	}
	pointer := b.put("state/things/current.json", 900)
	b.erase(landing, page) // the janitor's, by version id
	if b.objects[landing] != nil {
		t.Fatal("landing keeps a version that the janitor has deleted")
	}
	b.wait(31)
	if v := b.current("staging/things/ingested_process_at=20250803T140512-a/p=1/things.parquet"); v == nil || !v.infrequent {
		t.Errorf("a large file of staging is not in Standard-IA after a month: %+v", v)
	}
	if v := b.current("staging/things/ingested_process_at=20250803T140512-a/p=2/things.parquet"); v == nil || v.infrequent {
		t.Errorf("a file of under 128 KB costs more in Standard-IA: %+v", v)
	}
	b.wait(169)
	next := b.put("staging/things/ingested_process_at=20260219T140512-b/p=1/things.parquet", large)
	current := b.put("state/things/current.json", 900)
	// Superseded today: all of the 90 days, and after, until the janitor comes.
	for d := range 90 {
		b.wait(1)
		if !b.has("staging/things/ingested_process_at=20250803T140512-a/p=1/things.parquet", old) ||
			!b.has("staging/things/ingested_process_at=20250803T140512-a/p=2/things.parquet", oldSmall) {
			t.Fatalf("a snapshot superseded on day 200 is gone %d days after", d+1)
		}
		if got := b.has("state/things/current.json", pointer); !got && d < 89 {
			t.Fatalf("the pointer before is gone %d days after", d+1)
		}
	}
	b.wait(2)
	if b.has("state/things/current.json", pointer) || !b.has("state/things/current.json", current) {
		t.Error("of pointers 90 days are kept, and the current one")
	}
	b.wait(108)
	if b.now.Sub(start) != 400*day {
		t.Fatal(b.now)
	}
	// The published one survives every rule, for a year and more.
	b.wait(1000)
	if v := b.current("staging/things/ingested_process_at=20260219T140512-b/p=1/things.parquet"); v == nil || v.id != next {
		t.Error("the published snapshot is gone")
	}
	for key, id := range kept {
		if !b.has(key, id) || b.current(key) == nil {
			t.Errorf("%s is gone, and it was not deleted", key)
		}
	}
}

// TestManualDeletes checks that a plain delete hides an object, and that the bytes of layers with personal data are deleted soon.
func TestManualDeletes(t *testing.T) {
	t.Parallel()
	all := lifecycles(t, "")
	for prefix, days := range map[string]int{"landing/": 1, "quarantine/": 1, "archive/": 1, "staging/": 90, "marts/": 90,
		"evidence/": 90, "quality/": 90, "runs/": 90, "dead-letters/": 90, "state/": 90} {
		b := newBucket(all["data"], time.Date(2025, 8, 3, 14, 5, 12, 0, time.UTC))
		key := prefix + "things/a"
		first := b.put(key, 1<<20)
		b.wait(10)
		second := b.put(key, 1<<20) // over it
		b.wait(days)
		if !b.has(key, first) || !b.has(key, second) {
			t.Errorf("%s: a version is gone before its %d days are over", prefix, days)
		}
		b.wait(1)
		if b.has(key, first) || !b.has(key, second) {
			t.Errorf("%s: a version that was replaced is there after %d days, or the current one is not", prefix, days+1)
		}
		b.remove(key)
		b.wait(days)
		if !b.has(key, second) || b.current(key) != nil {
			t.Errorf("%s: a deleted object cannot be restored within %d days", prefix, days)
		}
		b.wait(3)
		if b.objects[key] != nil {
			t.Errorf("%s: of a deleted object there is left %+v", prefix, b.objects[key])
		}
	}
	start := time.Date(2025, 8, 3, 14, 5, 12, 0, time.UTC)
	for module, c := range map[string]struct{ expires, noncurrent int }{"athena_results": {7, 1}, "config": {0, 365}} {
		b := newBucket(all[module], start)
		b.put("a", 1<<20)
		replaced := b.put("b", 1<<20)
		b.put("b", 1<<20)
		b.uploads["c"] = b.now
		b.wait(c.noncurrent)
		if !b.has("b", replaced) {
			t.Errorf("%s: an earlier version is gone before its %d days are over", module, c.noncurrent)
		}
		b.wait(1)
		if b.has("b", replaced) || len(b.uploads) > 0 {
			t.Errorf("%s: an earlier version, or an upload that was never finished, is there after its time", module)
		}
		b.wait(400)
		if gone := b.current("a") == nil; gone != (c.expires > 0) {
			t.Errorf("%s: a current object is gone: %v", module, gone)
		}
	}
	if len(all["data"]) == 0 || len(all["athena_results"]) == 0 || len(all["config"]) == 0 {
		t.Errorf("rules of %d buckets", len(all))
	}
	replica := lifecycles(t, withReplica)["replica[0]"]
	b := newBucket(replica, start)
	b.put("staging/things/x.parquet", 1<<20)
	b.wait(1000)
	if len(replica) == 0 || b.current("staging/things/x.parquet") == nil {
		t.Error("the copy does not outlive a mistake")
	}
}

var retentionRow = regexp.MustCompile("(?m)^\\| `([a-z-]+/)` \\| (.+) \\| (\\d+) days? \\| (.+) \\|$")

// TestRetentionTable compares the table in docs/architecture.md with the rules.
func TestRetentionTable(t *testing.T) {
	t.Parallel()
	documented := map[string]string{}
	for _, m := range retentionRow.FindAllStringSubmatch(string(read(t, "docs/architecture.md")), -1) {
		documented[m[1]] = m[3] + ", " + m[4]
	}
	set := map[string]string{}
	for _, r := range lifecycles(t, "")["data"] {
		if r.prefix == "" {
			continue
		}
		moves := "never"
		if r.infrequentDays > 0 {
			moves = fmt.Sprintf("after %d days, from %d KB", r.infrequentDays, r.infrequentLeast>>10)
		}
		if r.expireDays > 0 {
			t.Errorf("%s: a current object is deleted after %d days", r.prefix, r.expireDays)
		}
		set[r.prefix] = fmt.Sprintf("%d, %s", r.noncurrentDays, moves)
	}
	if len(set) == 0 || fmt.Sprint(set) != fmt.Sprint(documented) {
		t.Errorf("docs/architecture.md has\n%v, and the rules are\n%v", documented, set)
	}
}
