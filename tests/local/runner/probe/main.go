// Probe is what the runner's tests run in containers: it shows what it was given and fails in every way asked.
//
//	probe serve PORT [file-to-touch]   answer HTTP; /self /write /read /get /exit /alloc /print /burn /healthy
//	probe check URL                    exit 0 if URL answers 200
//	probe exit CODE [SECONDS]          exit, after a while
//	probe print N TEXT                 print N numbered lines to stdout and one to stderr, exit 0
//	probe stubborn                     ignore SIGTERM
//	probe tick                         print a number every millisecond, end on SIGTERM
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"serve", "8080"}
	}
	switch args[0] {
	case "serve":
		serve(args[1])
	case "check":
		answer, err := http.Get(args[1])
		if err != nil || answer.StatusCode != 200 {
			os.Exit(1)
		}
	case "exit":
		if len(args) > 2 {
			time.Sleep(time.Duration(number(args[2])) * time.Second)
		}
		os.Exit(number(args[1]))
	case "print":
		for i := range number(args[1]) {
			fmt.Printf("%s %d\n", args[2], i)
		}
		fmt.Fprintln(os.Stderr, "done")
	case "tick":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		for i := 0; ; i++ {
			select {
			case <-stop:
				fmt.Println("end", i)
				return
			case <-time.After(time.Millisecond):
				fmt.Println(i)
			}
		}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Hour)
	}
}

func serve(port string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		got := <-stop
		fmt.Println("stopping on", got)
		os.Exit(0)
	}()
	var sick atomic.Bool
	http.HandleFunc("/self", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(self()) })
	http.HandleFunc("/healthy", func(w http.ResponseWriter, r *http.Request) {
		if set := r.FormValue("set"); set != "" {
			sick.Store(set == "no")
		} else if sick.Load() {
			w.WriteHeader(503)
		}
	})
	http.HandleFunc("/write", func(w http.ResponseWriter, r *http.Request) {
		report(w, "written", os.WriteFile(r.FormValue("path"), []byte(r.FormValue("text")), 0o644))
	})
	http.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(r.FormValue("path"))
		report(w, string(text), err)
	})
	http.HandleFunc("/get", func(w http.ResponseWriter, r *http.Request) {
		answer, err := http.Get(r.FormValue("url"))
		if err != nil {
			report(w, "", err)
			return
		}
		body, err := io.ReadAll(answer.Body)
		report(w, string(body), err)
	})
	http.HandleFunc("/chown", func(w http.ResponseWriter, r *http.Request) {
		report(w, "done", os.Chown("/probe", number(r.FormValue("uid")), 0))
	})
	http.HandleFunc("/size", func(w http.ResponseWriter, r *http.Request) {
		var fs syscall.Statfs_t
		err := syscall.Statfs(r.FormValue("path"), &fs)
		report(w, strconv.FormatInt(int64(fs.Blocks)*fs.Bsize>>20, 10), err)
	})
	http.HandleFunc("/print", func(w http.ResponseWriter, r *http.Request) {
		for i := range number(r.FormValue("n")) {
			fmt.Printf("%s %d\n", r.FormValue("text"), i)
		}
	})
	http.HandleFunc("/exit", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("last words")
		os.Exit(number(r.FormValue("code")))
	})
	http.HandleFunc("/alloc", func(w http.ResponseWriter, r *http.Request) {
		debug.SetGCPercent(-1)
		var kept [][]byte
		for range number(r.FormValue("mb")) {
			block := make([]byte, 1<<20)
			for i := range block {
				block[i] = 1
			}
			kept = append(kept, block)
		}
		fmt.Fprintln(w, len(kept))
	})
	fmt.Println("listening on", port)
	fmt.Fprintln(os.Stderr, http.ListenAndServe(":"+port, nil))
	os.Exit(1)
}

func self() map[string]any {
	directory, _ := os.Getwd()
	host, _ := os.Hostname()
	var open syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &open)
	status, _ := os.ReadFile("/proc/self/status")
	first, _ := os.ReadFile("/proc/1/cmdline")
	capabilities := ""
	for _, line := range strings.Split(string(status), "\n") {
		if value, found := strings.CutPrefix(line, "CapBnd:\t"); found {
			capabilities = value
		}
	}
	environment := map[string]string{}
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		environment[name] = value
	}
	return map[string]any{
		"args": os.Args, "uid": os.Getuid(), "gid": os.Getgid(), "directory": directory, "host": host,
		"environment": environment, "nofile": []uint64{open.Cur, open.Max}, "capabilities": capabilities,
		"first": strings.ReplaceAll(strings.TrimRight(string(first), "\x00"), "\x00", " "),
	}
}

func report(w http.ResponseWriter, text string, err error) {
	if err != nil {
		w.WriteHeader(500)
		text = err.Error()
	}
	fmt.Fprint(w, text)
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return value
}
