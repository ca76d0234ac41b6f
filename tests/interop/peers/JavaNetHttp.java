import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The peer java.net.http of the JDK: its client. */
class JavaNetHttp {
    static final String PING = "interop";
    static final HttpClient HTTP = HttpClient.newHttpClient();

    /** What has arrived: a String, a byte[], a ByteBuffer for a Pong, or an Ending. */
    record Ending(int code, String reason) {}

    static class Listener implements WebSocket.Listener {
        final BlockingQueue<Object> arrived = new LinkedBlockingQueue<>();
        final StringBuilder text = new StringBuilder();
        final ByteArrayOutputStream binary = new ByteArrayOutputStream();

        @Override
        public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
            text.append(part);
            if (last) {
                arrived.add(text.toString());
                text.setLength(0);
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer part, boolean last) {
            binary.writeBytes(bytes(part));
            if (last) {
                arrived.add(binary.toByteArray());
                binary.reset();
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onPong(WebSocket socket, ByteBuffer payload) {
            arrived.add(ByteBuffer.wrap(bytes(payload)));
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            arrived.add(new Ending(code, reason));
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            arrived.add(new Ending(1006, ""));
        }

        Object next() throws Exception {
            Object next = arrived.poll(20, TimeUnit.SECONDS);
            if (next == null) throw new Exception("nothing arrives");
            return next;
        }
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return bytes;
    }

    static String text(int length) {
        return "aé世🌍".repeat(length / 10) + "x".repeat(length % 10);
    }

    static byte[] binary(int length) {
        byte[] bytes = new byte[length];
        for (int at = 0; at < length; at++) bytes[at] = (byte) (at % 251);
        return bytes;
    }

    /** Parts of a text end with a character: this API sends whole characters only. */
    static void sendText(WebSocket socket, String message, int parts) {
        int from = 0;
        for (int part = 1; part <= parts; part++) {
            int to = message.length() * part / parts;
            if (part < parts && Character.isLowSurrogate(message.charAt(to))) to++;
            socket.sendText(message.substring(from, to), part == parts).join();
            from = to;
        }
    }

    static void sendBinary(WebSocket socket, byte[] message, int parts) {
        int from = 0;
        for (int part = 1; part <= parts; part++) {
            int to = (int) ((long) message.length * part / parts);
            socket.sendBinary(ByteBuffer.wrap(message, from, to - from), part == parts).join();
            from = to;
        }
    }

    static void echo(WebSocket socket, Listener listener, String kind, int length, int parts) throws Exception {
        Object answer;
        boolean same;
        if (kind.equals("text")) {
            sendText(socket, text(length), parts);
            answer = listener.next();
            same = answer.equals(text(length));
        } else {
            sendBinary(socket, binary(length), parts);
            answer = listener.next();
            same = answer instanceof byte[] bytes && Arrays.equals(bytes, binary(length));
        }
        if (!same) throw new Exception(answer.getClass().getSimpleName() + " that was not sent");
    }

    static String client(String command, String url, String rest) throws Exception {
        String[] words = rest.split(" ", 2);
        // An empty list cannot be said: the method that offers takes at least one.
        if (command.equals("deflate") || command.equals("version") || command.equals("subprotocols") && rest.isEmpty())
            throw new Exception("n/a");
        WebSocket.Builder builder = HTTP.newWebSocketBuilder();
        if (command.equals("subprotocols")) {
            String[] offers = rest.split(",");
            builder.subprotocols(offers[0], Arrays.copyOfRange(offers, 1, offers.length));
        }
        Listener listener = new Listener();
        WebSocket socket;
        try {
            socket = builder.buildAsync(URI.create(url), listener).join();
        } catch (CompletionException error) {
            if (!command.equals("open")) throw error;
            if (error.getCause() instanceof WebSocketHandshakeException refused)
                return String.valueOf(refused.getResponse().statusCode());
            throw error;
        }
        String detail = "";
        switch (command) {
            case "echo" -> echo(socket, listener, words[0], Integer.parseInt(words[1]), 1);
            case "fragments" -> echo(socket, listener, words[0], Integer.parseInt(words[1]), 3);
            case "ping" -> {
                ByteBuffer payload = ByteBuffer.wrap(PING.getBytes(StandardCharsets.UTF_8));
                socket.sendPing(payload.duplicate()).join();
                if (!listener.next().equals(payload)) throw new Exception("not the Pong");
            }
            case "message" -> detail = (String) listener.next();
            case "subprotocols" -> detail = socket.getSubprotocol();
            case "close" -> {
                socket.sendClose(Integer.parseInt(words[0]), words[1]).join();
                Ending end = (Ending) listener.next();
                return end.code() + (end.code() == 1006 ? " not clean" : " clean");
            }
            case "closed" -> {
                socket.sendText("exit", true).join();
                Ending end = (Ending) listener.next();
                return end.code() + " " + end.reason();
            }
            case "drop" -> {
                socket.abort();
                return "";
            }
            default -> throw new Exception("connected");
        }
        socket.sendClose(1000, "").join();
        listener.next();
        return detail;
    }

    public static void main(String[] arguments) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line; (line = in.readLine()) != null; ) {
            String[] words = line.split(" ", 3);
            try {
                out.println(("ok " + client(words[0], words[1], words.length > 2 ? words[2] : "")).stripTrailing());
            } catch (Exception error) {
                out.println("failed " + String.valueOf(error.getMessage()).replace('\n', ' '));
            }
        }
    }
}
