// The Vercel AI SDK: its text streams, which call tools by themselves. Reads and writes what conversation.py says.
import { text as readAll } from 'node:stream/consumers';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { isStepCount, streamText, tool } from 'ai';
import { z } from 'zod';

const INSTRUCTIONS = 'You are a terse clerk.';
const MOST_REQUESTS = 3; // for one text of the user

const unstored = { providerOptions: { openai: { store: false } } };
const clients = {
  'openai-chat': (job, name) => ({ model: createOpenAI({ baseURL: `${job.url}/v1`, apiKey: job.key }).chat(name) }),
  // It refers to what it believes to be stored, but for calls and their results: what was said cannot be sent back so.
  'openai-responses-stored': (job, name) => ({ model: responses(job, name) }),
  'openai-responses': (job, name) => ({ model: responses(job, name), ...unstored }),
  'anthropic-messages': (job, name) => ({ model: createAnthropic({ baseURL: `${job.url}/v1`, apiKey: job.key })(name) }),
  gemini: (job, name) => ({ model: createGoogle({ baseURL: `${job.url}/v1beta`, apiKey: job.key })(name) }),
};

function responses(job, name) {
  return createOpenAI({ baseURL: `${job.url}/v1`, apiKey: job.key }).responses(name);
}

async function converse(job, run, heard) {
  const inputSchema = z.object({ city: z.enum(['Zürich', 'Genève']), days: z.number().int().min(1).max(9) });
  const execute = async (input) => {
    heard.calls.push(input);
    return job.weather;
  };
  const tools = { get_weather: tool({ description: 'Weather of the next days', inputSchema, execute }) };
  const messages = [];
  for (const content of run.texts) {
    messages.push({ role: 'user', content });
    const result = streamText({
      ...clients[run.client](job, run.model),
      instructions: INSTRUCTIONS,
      messages,
      tools,
      stopWhen: isStepCount(MOST_REQUESTS),
      maxRetries: 0,
      onError: () => {}, // it would write to the console what the stream tells as well
    });
    for await (const part of result.stream) {
      if (part.type === 'text-delta' && part.text) heard.pieces.push(part.text);
      if (part.type === 'error' || part.type === 'tool-error') throw part.error;
    }
    const usage = await result.totalUsage;
    if (usage.inputTokens !== undefined) heard.input_tokens += usage.inputTokens;
    if (usage.outputTokens !== undefined) heard.output_tokens += usage.outputTokens;
    messages.push(...(await result.responseMessages));
  }
}

const job = JSON.parse(await readAll(process.stdin));
for (const run of job.runs) {
  const heard = { calls: [], pieces: [], input_tokens: null, output_tokens: null };
  let error = null;
  try {
    await converse(job, run, heard);
  } catch (thrown) {
    error = `${thrown?.stack ?? thrown}\n${thrown?.responseBody ?? ''}`;
  }
  process.stdout.write(`${JSON.stringify({ client: run.client, model: run.model, error, ...heard })}\n`);
}
