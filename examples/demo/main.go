// Demo is a small HTTP service that says which version, task and zone answered. It has no dependencies and
// compiles to one static binary.
//
//	/            version, task, zone and greeting, as JSON
//	/health      200 while the service is willing to take requests
//	/work?ms=N   burns one CPU for N milliseconds (at most 10,000), for autoscaling
//	/fail        500
//	/crash       answers, then exits with status 3
//
// It reads PORT (8080), GREETING, CRASH_ON_START (any value: log why and exit 1) and the task metadata endpoint
// that ECS gives every container. SIGTERM stops it cleanly: health checks fail, requests in flight are finished.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// version is set when the binary is built: -ldflags "-X main.version=2".
var version = "dev"

const (
	maxWork = 10 * time.Second
	// Below ECS's default stop timeout of 30 s, so that the end is ours and not a SIGKILL.
	drainTimeout = 20 * time.Second
)

type identity struct {
	Version  string `json:"version"`
	Task     string `json:"task"`
	Zone     string `json:"zone"`
	Greeting string `json:"greeting,omitempty"`
}

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil)).With("version", version)
	if os.Getenv("CRASH_ON_START") != "" {
		log.Error("refusing to start", "reason", "CRASH_ON_START is set")
		os.Exit(1)
	}
	self := whoAmI(log)
	var stopping atomic.Bool

	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		writeJSON(w, http.StatusOK, self)
	})
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if stopping.Load() {
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "stopping"})
			return
		}
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		milliseconds, err := strconv.Atoi(r.URL.Query().Get("ms"))
		span := time.Duration(milliseconds) * time.Millisecond
		if err != nil || span < 0 || span > maxWork {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": "ms must be a number from 0 to 10000"})
			return
		}
		writeJSON(w, http.StatusOK, map[string]int{"rounds": burn(span)})
	})
	mux.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "you asked for it"})
	})
	mux.HandleFunc("/crash", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "crashing"})
		log.Error("crashing", "reason", "/crash was requested")
		time.AfterFunc(50*time.Millisecond, func() { os.Exit(3) })
	})

	server := &http.Server{Addr: ":" + port(), Handler: logged(log, mux), ReadHeaderTimeout: 10 * time.Second}
	signals, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-signals.Done()
		stopping.Store(true)
		log.Info("stopping", "task", self.Task)
		deadline, end := context.WithTimeout(context.Background(), drainTimeout)
		defer end()
		if err := server.Shutdown(deadline); err != nil {
			log.Error("requests were cut off", "error", err.Error())
		}
	}()

	log.Info("started", "address", server.Addr, "task", self.Task, "zone", self.Zone)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Error("cannot serve", "error", err.Error())
		os.Exit(1)
	}
	<-done
	log.Info("stopped", "task", self.Task)
}

func port() string {
	if value := os.Getenv("PORT"); value != "" {
		return value
	}
	return "8080"
}

// whoAmI asks the task metadata endpoint, version 4:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
func whoAmI(log *slog.Logger) identity {
	host, _ := os.Hostname()
	self := identity{Version: version, Task: host, Zone: "unknown", Greeting: os.Getenv("GREETING")}
	endpoint := os.Getenv("ECS_CONTAINER_METADATA_URI_V4")
	if endpoint == "" {
		return self
	}
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get(endpoint + "/task")
	if err != nil {
		log.Warn("no task metadata", "error", err.Error())
		return self
	}
	defer answer.Body.Close()
	var task struct{ TaskARN, AvailabilityZone string }
	if err := json.NewDecoder(answer.Body).Decode(&task); err != nil {
		log.Warn("unreadable task metadata", "error", err.Error())
		return self
	}
	self.Task = task.TaskARN[strings.LastIndex(task.TaskARN, "/")+1:]
	self.Zone = task.AvailabilityZone
	return self
}

func burn(span time.Duration) int {
	rounds := 0
	for end := time.Now().Add(span); time.Now().Before(end); {
		rounds++
	}
	return rounds
}

func logged(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		if r.URL.Path != "/health" {
			log.Info("request", "method", r.Method, "path", r.URL.Path, "status", recorder.status,
				"milliseconds", time.Since(start).Milliseconds())
		}
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
