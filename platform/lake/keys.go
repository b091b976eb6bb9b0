package lake

import (
	"fmt"
	"strings"
)

const processed = "ingested_process_at="

// LandingPrefix returns the prefix of a run's raw pages.
func LandingPrefix(dataset, run string) string {
	return "landing/" + dataset + "/" + processed + run + "/"
}

// LandingPageKey returns the key of one raw page. The key contains the page's digest: a different page of another attempt
// never overwrites it, and the same page is never stored twice.
func LandingPageKey(dataset, run string, index int, sha string) string {
	return fmt.Sprintf("%s%05d.%s.json", LandingPrefix(dataset, run), index, sha[:12])
}

// ManifestKey returns the key of an attempt's manifest. If part is 0, it is the key of the complete manifest, which has no part
// number. A continued extraction also writes part manifests 1, 2 and so on.
func ManifestKey(dataset, run, attempt string, part int) string {
	if part > 0 {
		return fmt.Sprintf("%s_manifest.%s.part%d.json", LandingPrefix(dataset, run), attempt, part)
	}
	return LandingPrefix(dataset, run) + "_manifest." + attempt + ".json"
}

// StagingPrefix returns the prefix of an attempt's candidate. It contains the attempt: two attempts never share a prefix.
func StagingPrefix(dataset, run, attempt string) string {
	return "staging/" + dataset + "/" + processed + run + "-" + attempt + "/"
}

// StagingKey returns the key of one Parquet file of a candidate.
func StagingKey(dataset, run, attempt string, partition []PartitionValue) string {
	var b strings.Builder
	b.WriteString(StagingPrefix(dataset, run, attempt))
	for _, p := range partition {
		b.WriteString(p.Column + "=" + p.Value + "/")
	}
	b.WriteString(dataset + ".parquet")
	return b.String()
}

// CandidateKey returns the key of an attempt's candidate manifest. The leading underscore hides it from query engines.
func CandidateKey(dataset, run, attempt string) string {
	return StagingPrefix(dataset, run, attempt) + "_candidate.json"
}

// QuarantineKey returns the key of an attempt's quarantined rows.
func QuarantineKey(dataset, run, attempt string) string {
	return "quarantine/" + dataset + "/" + processed + run + "-" + attempt + "/rows.parquet"
}

// VerdictKey returns the key of the gate's verdict on one candidate.
func VerdictKey(dataset, run, attempt string) string {
	return "quality/" + dataset + "/" + processed + run + "-" + attempt + ".json"
}

// ArchiveKey returns the key of a landing object's archived copy. Raw pages are compressed and end in ".zst".
func ArchiveKey(landingKey string) string {
	k := "archive/" + strings.TrimPrefix(landingKey, "landing/")
	if isManifest(k) {
		return k
	}
	return k + ".zst"
}

// isManifest reports whether a key of landing or archive is that of a manifest, or of the manifest of a part.
func isManifest(key string) bool { return strings.Contains(key, "/_manifest.") }

// EvidenceKey returns the key of the evidence for a run's landing deletion.
func EvidenceKey(dataset, run string) string {
	return "evidence/" + dataset + "/" + processed + run + ".json"
}

// PointerKey returns the key of the dataset's pointer.
func PointerKey(dataset string) string { return "state/" + dataset + "/current.json" }

// HistoryKey returns the key of a superseded pointer.
func HistoryKey(dataset, snapshot string) string {
	return HistoryPrefix(dataset) + snapshot + ".json"
}

// HistoryPrefix returns the prefix of a dataset's superseded pointers.
func HistoryPrefix(dataset string) string { return "state/" + dataset + "/history/" }

// CursorKey returns the key of a dataset's cursor.
func CursorKey(dataset string) string { return "state/" + dataset + "/cursor.json" }

// StateKey returns the key of a small mutable document of a dataset.
func StateKey(dataset, name string) string { return "state/" + dataset + "/" + name + ".json" }

// RunPrefix returns the prefix of a run's receipts.
func RunPrefix(dataset, run string) string { return "runs/" + dataset + "/" + run + "/" }

// ReceiptKey returns the key of a stage's receipt. A continued extraction writes one more receipt per part, from 1.
func ReceiptKey(dataset, run, stage string, part int) string {
	if part > 0 {
		return fmt.Sprintf("%s%s.part%d.json", RunPrefix(dataset, run), stage, part)
	}
	return RunPrefix(dataset, run) + stage + ".json"
}

// FailureKey returns the key of a FailureRecord.
func FailureKey(dataset, run, stage, messageID string) string {
	return RunPrefix(dataset, run) + stage + ".failed." + safe(messageID) + ".json"
}

// WaitKey returns the key of the last Wait of a stage of a run.
func WaitKey(dataset, run, stage string) string {
	return RunPrefix(dataset, run) + stage + ".wait.json"
}

// DeadLetterKey returns the key of a kept dead letter, by the id of its event, or of the message if it is not an event.
func DeadLetterKey(service, id string) string {
	if len(id) > maxID {
		id = SHA256([]byte(id)) // not an id of Llac: those are short
	}
	return "dead-letters/" + service + "/" + safe(id) + ".json"
}

// maxID is the maximum length of an id in a key. S3 allows 1024 bytes for the whole key.
const maxID = 512

// ContractKey returns the key of a contract's bytes in the config bucket.
func ContractKey(sha string) string { return "contracts/" + sha + ".yaml" }

// ContractIndexKey is the key of the list of contracts in force, in the config bucket.
const ContractIndexKey = "contracts/index.json"

// safe replaces the characters of an id that do not belong in a key.
func safe(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '-'
	}, id)
}
