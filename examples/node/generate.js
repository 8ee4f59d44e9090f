// Sends one request and waits for its result: node generate.js BROKER ADAPTER
import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { Consumer, FetchIsolationLevels, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'

const [broker, adapter] = process.argv.slice(2)
const prompt = 'Restaurant facts: name[The Eagle], eatType[coffee shop], food[English], area[riverside]\nDescription:'

// A group of its own, because the members of one group share the partitions.
const consumer = new Consumer({
  clientId: 'generate',
  groupId: `generate-${randomUUID()}`,
  bootstrapBrokers: [broker],
  deserializers: stringDeserializers,
  autocommit: false,
  isolationLevel: FetchIsolationLevels.READ_COMMITTED
})
const results = await consumer.consume({ topics: ['generation-results'] })
await once(results, 'offsets') // the stream starts at the present ends of the partitions

const producer = new Producer({ clientId: 'generate', bootstrapBrokers: [broker], serializers: stringSerializers })
const request = { id: randomUUID(), model: adapter, prompt, max_tokens: 48, temperature: 0, stop: ['\n'] }
const { offsets: [sent] } = await producer.send({
  messages: [{ topic: 'generation-requests', key: adapter, value: JSON.stringify(request) }]
})

// A result names the position of its request.
const timer = setTimeout(() => results.destroy(new Error('no result within 60 s')), 60_000)
for await (const { value } of results) {
  const result = JSON.parse(value)
  const { topic, partition, offset } = result.tidemark.source
  if (topic !== sent.topic || partition !== sent.partition || offset !== Number(sent.offset)) continue
  if (result.object === 'error') throw new Error(`${result.error.code}: ${result.error.message}`)
  console.log(result.choices[0].text.trim())
  console.error(`${result.usage.completion_tokens} tokens, boundary ${result.tidemark.boundary}`)
  break
}
clearTimeout(timer)
await consumer.close(true)
await producer.close()
